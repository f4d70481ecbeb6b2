#include "landlock.hpp"

#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace demo {
namespace {

/// struct landlock_ruleset_attr as later kernels have it: each version knows a prefix of it.
struct ruleset {
  std::uint64_t files;
  std::uint64_t network;
  std::uint64_t scopes;
};

/// All rights concerning files, by version: what a ruleset handles and no rule allows is denied.
constexpr std::uint64_t file_rights(int version) noexcept {
  if (version >= 5) return (1U << 16) - 1;  // LANDLOCK_ACCESS_FS_IOCTL_DEV
  if (version >= 3) return (1U << 15) - 1;  // LANDLOCK_ACCESS_FS_TRUNCATE
  if (version == 2) return (1U << 14) - 1;  // LANDLOCK_ACCESS_FS_REFER
  return (1U << 13) - 1;
}

scm::result<int> failure() noexcept { return std::unexpected{std::error_code{errno, std::system_category()}}; }

}  // namespace

scm::result<int> give_up_files() noexcept {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 0) return failure();

  ruleset denied{.files = file_rights(static_cast<int>(version)), .network = 0, .scopes = 0};
  if (version >= 4) denied.network = 3;  // binding and connecting TCP sockets
  if (version >= 6) denied.scopes = 3;   // abstract sockets and signals of processes outside
  const std::size_t size = version >= 6   ? sizeof denied
                           : version >= 4 ? offsetof(ruleset, scopes)
                                          : offsetof(ruleset, network);
  const long rules = syscall(SYS_landlock_create_ruleset, &denied, size, 0);
  if (rules < 0) return failure();
  const bool done = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
  const int number = errno;
  close(static_cast<int>(rules));
  errno = number;
  if (!done) return failure();
  return static_cast<int>(version);
}

}  // namespace demo
