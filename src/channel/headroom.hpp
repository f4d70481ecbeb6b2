/// Free slots of the descriptor table.
#pragma once

#include <cstddef>

namespace scm::inline v0_1::detail {

/// Whether at least `wanted` numbers below RLIMIT_NOFILE are free. One system call tells, where /proc is mounted
/// (Linux 6.2); else, and near the limit, each number is asked about in turn, which takes as long as the table is
/// large.
[[nodiscard]] bool has_headroom(std::size_t wanted) noexcept;

}  // namespace scm::inline v0_1::detail
