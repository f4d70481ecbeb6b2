/// What procfs says about this thread's descriptors, if it is there.
#pragma once

#include <scm/core/fd.hpp>
#include <scm/core/limits.hpp>

#include <array>
#include <string_view>

namespace scm::inline v0_1::detail {

using link_buffer = std::array<char, limits::link_bytes>;
using fdinfo_buffer = std::array<char, limits::fdinfo_bytes>;

/// Whether /proc is a procfs: another file system there, as in a root directory that a stranger has prepared, could say
/// anything.
[[nodiscard]] bool has_procfs() noexcept;

/// The text of the descriptor's link (proc(5)), at most as long as the kernel makes them; empty when it has none that
/// can be read. Opens nothing.
[[nodiscard]] std::string_view own_link(borrowed_fd fd, link_buffer& buffer) noexcept;

/// The beginning of the descriptor's fdinfo; empty when it cannot be opened.
[[nodiscard]] std::string_view own_fdinfo(borrowed_fd fd, fdinfo_buffer& buffer) noexcept;

}  // namespace scm::inline v0_1::detail
