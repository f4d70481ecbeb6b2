/// Who a process is, in the kernel's words.
#pragma once

#include <scm/core/config.hpp>

#include <sys/types.h>

namespace scm::inline v0_1 {

/// A process id, a user id and a group id, as in SCM_CREDENTIALS and SO_PEERCRED (unix(7)). There is no default: a
/// value made of zeros would read as root.
///
/// `pid` is 0 when the process has no number in the reader's pid namespace (E7); it may have been reused since (E8): it
/// is for people to read, never to decide on. Ids without a mapping read as the overflow id, usually 65534.
struct credentials {
  credentials() = delete;
  constexpr credentials(pid_t process, uid_t user, gid_t group) noexcept : pid{process}, uid{user}, gid{group} {}

  pid_t pid;
  uid_t uid;
  gid_t gid;

  /// This process with its real ids: what the kernel attaches by itself (E5).
  [[nodiscard]] SCM_API static credentials own() noexcept;

  friend constexpr bool operator==(const credentials&, const credentials&) noexcept = default;
};

}  // namespace scm::inline v0_1
