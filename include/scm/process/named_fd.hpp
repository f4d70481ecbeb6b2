/// A descriptor with the name under which a program finds it.
#pragma once

#include <scm/core/fd.hpp>
#include <scm/core/limits.hpp>

#include <algorithm>
#include <string_view>

namespace scm::inline v0_1 {

/// Name and descriptor are both lent.
struct named_fd {
  std::string_view name;
  borrowed_fd fd;
};

/// Whether `name` can be passed in LISTEN_FDNAMES: printable ASCII without a colon, at most `limits::fd_name_bytes`.
/// These are systemd's rules, except that a name is needed.
[[nodiscard]] constexpr bool is_fd_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= limits::fd_name_bytes &&
         std::ranges::all_of(name, [](char c) { return c >= ' ' && c <= '~' && c != ':'; });
}

}  // namespace scm::inline v0_1
