/// Who takes part.
#pragma once

#include "contender.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace bench {

/// All contenders of the table, the baseline first.
[[nodiscard]] std::vector<std::unique_ptr<contender>> lineup();

/// Those that this program was built without, each with the Debian package that it needs; empty if there are none.
[[nodiscard]] std::string_view absent() noexcept;

}  // namespace bench
