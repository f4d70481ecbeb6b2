/// The oracle for leaks: how many descriptors this process has.
#pragma once

#include <cstddef>

namespace bench {

/// Counted in procfs, outside of the code that is measured; 0 where there is no /proc.
[[nodiscard]] std::size_t open_descriptors() noexcept;

}  // namespace bench
