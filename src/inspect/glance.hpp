/// The first look at a descriptor, from which its kind follows: what describing and admitting have in common.
#pragma once

#include "inspect/own_proc.hpp"

#include <scm/core/result.hpp>
#include <scm/inspect/description.hpp>

#include <sys/stat.h>

#include <optional>
#include <string_view>

namespace scm::inline v0_1::detail {

/// What F_GETFL says. Exported, for our own libraries that are linked to a shared one.
[[nodiscard]] SCM_API access_mode access_of(int flags) noexcept;
[[nodiscard]] SCM_API status_flags open_flags_of(int flags) noexcept;

/// Looks once, at the descriptor alone. Errors: EBADF; those of statx(2).
struct glance {
  explicit glance(borrowed_fd fd) noexcept;
  glance(const glance&) = delete;
  glance& operator=(const glance&) = delete;

  std::error_code error{};  ///< The rest means something only without one.
  int descriptor_flags = 0;
  int flags = 0;                    ///< F_GETFL
  struct statx status{};            ///< STATX_BASIC_STATS
  std::optional<seal_set> seals{};  ///< Of regular files.
  bool procfs = false;              ///< Whether there is one, and something to ask of it.
  std::string_view link{};          ///< Procfs's text, in `buffer`; empty when unknown.
  descriptor_kind kind{};           ///< Of the descriptor: path_handle for all that is O_PATH.
  descriptor_kind object{};         ///< Of what lies there.
  link_buffer buffer;

  [[nodiscard]] access_mode access() const noexcept { return access_of(flags); }
  [[nodiscard]] status_flags open_flags() const noexcept { return open_flags_of(flags); }
  [[nodiscard]] file_identity identity() const noexcept;
  /// No name is left of the object, or it never had one.
  [[nodiscard]] bool deleted() const noexcept;
  /// `link` as a path; empty when the object has no place.
  [[nodiscard]] std::string_view path() const noexcept;
  [[nodiscard]] std::optional<device_number> device() const noexcept;
  /// Bytes; of a block device as its layer says. Asks the kernel anew when `again`, which must be after the seals.
  [[nodiscard]] result<std::optional<std::uint64_t>> size(borrowed_fd fd, bool again) const noexcept;
};

/// `text` without what it may begin and end with.
[[nodiscard]] std::string_view without(std::string_view text, std::string_view prefix,
                                       std::string_view suffix) noexcept;

}  // namespace scm::inline v0_1::detail
