/// Free slots of the descriptor table.
#pragma once

#include <cstddef>

namespace scm::inline v0_1::detail {

/// How many numbers below RLIMIT_NOFILE are free: `least` or more where there are so many, and of more than that only
/// what costs nothing to know, `most` at most. One system call tells, where /proc is mounted (Linux 6.2); else, and
/// near the limit, each number is asked about in turn, which takes as long as the table is large.
[[nodiscard]] std::size_t headroom(std::size_t least, std::size_t most) noexcept;

}  // namespace scm::inline v0_1::detail
