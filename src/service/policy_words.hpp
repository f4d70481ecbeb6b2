/// The words of policies, and what their text and their decisions must agree on.
#pragma once

#include "inspect/words.hpp"

#include <scm/service/policy.hpp>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>

namespace scm::inline v0_1::detail {

inline constexpr auto action_words = std::to_array<word<policy_action>>({{"allow", policy_action::allow},
                                                                         {"deny", policy_action::deny},
                                                                         {"strip", policy_action::strip},
                                                                         {"kill", policy_action::kill}});

inline constexpr auto direction_words = std::to_array<word<policy_direction>>(
    {{"any", policy_direction::any}, {"send", policy_direction::send}, {"receive", policy_direction::receive}});

/// The largest number that errno(3) has a name for; the kernel's answers to itself (512 and on) have none.
inline constexpr int last_error = 133;

/// "EPERM"; empty when it has none.
inline std::string_view name_of_error(int number) noexcept {
  const char* const name = number > 0 && number <= last_error ? ::strerrorname_np(number) : nullptr;
  return name == nullptr ? std::string_view{} : name;
}

inline std::optional<int> error_of_name(std::string_view name) noexcept {
  // The second names of three.
  if (name == "EWOULDBLOCK") return EWOULDBLOCK;
  if (name == "ENOTSUP") return ENOTSUP;
  if (name == "EDEADLOCK") return EDEADLOCK;
  for (int number = 1; number <= last_error; ++number) {
    if (!name.empty() && name_of_error(number) == name) return number;
  }
  return {};
}

/// Whether a path is absolute and has no part that leads elsewhere than it says: "//", "/./", "/../". What `begins` a
/// path may end in the middle of a part.
inline bool is_settled(std::string_view path, bool begins = false) noexcept {
  if (!path.starts_with('/')) return false;
  for (const std::string_view turn : {"//", "/./", "/../"}) {
    if (path.find(turn) != path.npos) return false;
  }
  return begins || !(path.ends_with("/.") || path.ends_with("/..") || path.ends_with('/'));
}

}  // namespace scm::inline v0_1::detail
