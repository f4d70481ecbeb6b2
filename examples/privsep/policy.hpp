/// The policy: every name that a worker can ask for, what is opened for it, and what the worker may do with that.
#pragma once

#include "bounds.hpp"

#include <scm/inspect.hpp>

#include <fcntl.h>

#include <algorithm>
#include <string_view>

namespace privsep {

/// What the worker does with it: hand it to whoever asks, or keep it. An honest worker, that is; `flags` bind every
/// one.
enum class use : unsigned char { hand_on, keep };

struct entry {
  std::string_view name;
  const char* file;  ///< In the directory that the monitor was given.
  int flags;
  use allowed;
};

inline constexpr entry policy[] = {
    {"motd", "motd", O_RDONLY, use::hand_on},
    {"prices", "prices.csv", O_RDONLY, use::hand_on},
    {"journal", "journal.log", O_WRONLY | O_APPEND | O_CREAT, use::keep},
};

constexpr bool reads(const entry& one) noexcept { return (one.flags & O_ACCMODE) == O_RDONLY; }

// What a client gets it can only read; O_NOFOLLOW looks at the last part of a path alone.
static_assert(std::ranges::all_of(policy, [](const entry& one) {
  return (one.allowed == use::keep || reads(one)) && !std::string_view{one.file}.contains('/') &&
         one.name.size() <= bounds::name_bytes;
}));

[[nodiscard]] constexpr const entry* find(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(policy, name, &entry::name);
  return found == std::end(policy) ? nullptr : found;
}

/// What a descriptor for it must be: the monitor looks before it sends one, the worker before it uses one.
[[nodiscard]] inline scm::expectation expected(const entry& one) noexcept {
  return {.kinds = scm::descriptor_kind::regular_file,
          .access = reads(one) ? scm::access_mode::read : scm::access_mode::write,
          .required_flags = {.append = (one.flags & O_APPEND) != 0}};
}

}  // namespace privsep
