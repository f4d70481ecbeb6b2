/// Who takes part.
#pragma once

#include "contender.hpp"

#include <memory>
#include <vector>

namespace bench {

/// All contenders of the table, the baseline first.
[[nodiscard]] std::vector<std::unique_ptr<contender>> lineup();

}  // namespace bench
