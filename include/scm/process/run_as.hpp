/// Whom a process runs as.
#pragma once

#include <scm/core/config.hpp>

#include <sys/types.h>

#include <vector>

namespace scm::inline v0_1 {

/// All three together, since a process that keeps root's groups has not dropped root. Real, effective and saved; with
/// the user id root's capabilities go. Needs CAP_SETUID and CAP_SETGID. While `spawn` starts a program as somebody else
/// this process cannot be dumped; two threads that do this at the same time may leave it so (PR_SET_DUMPABLE).
struct run_as {
  static constexpr uid_t nobody_said = static_cast<uid_t>(-1);  // means "leave as it is" to the kernel: refused
  uid_t user = nobody_said;
  gid_t group = nobody_said;
  std::vector<gid_t> groups{};  ///< Supplementary groups, which may be none.
};

}  // namespace scm::inline v0_1
