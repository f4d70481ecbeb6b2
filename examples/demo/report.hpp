/// The errand, told on a terminal of 80 columns.
#pragma once

#include "errand.hpp"

namespace demo {

void print_report(const errand& told);

}  // namespace demo
