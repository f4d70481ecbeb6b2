/// Starting a program under a filter of system calls that asks somebody else: a tracer, or a listener.
#pragma once

#include <scm/process/spawn.hpp>

#include <linux/filter.h>

#include <span>

namespace scm::inline v0_1 {

/// Who is asked about the calls for which a filter says so.
enum class call_watcher : unsigned char {
  /// The thread that starts the program, by ptrace(2): for SECCOMP_RET_TRACE. It finds the program stopped (SIGTRAP) at
  /// the end of its execve(2), with no ptrace options set.
  tracer,
  /// Whoever has the filter's listener, seccomp_unotify(2): for SECCOMP_RET_USER_NOTIF. A call that the listener has
  /// received waits for its answer, and for SIGKILL, but for no other signal (Linux 5.19).
  listener,
};

/// A program, and the listener, close-on-exec, if there is one. A program whose listener is closed goes on; the calls
/// that it would have been asked about fail with ENOSYS.
struct watched_child {
  child process{};
  owned_fd listener{};
};

/// As `spawn`, under a filter that holds for the program, and for whatever it starts, for good. It is there before
/// anything else is done for the program, with the rights of this process: it must let through the calls of all steps.
/// Without CAP_SYS_ADMIN it needs `no_new_privileges`, which is set before it then.
///
/// For a moment the new process has the same descriptor table as this one, which is how the listener gets here: no
/// message is sent, so that the filter may hold all messages up.
///
/// Errors: those of `spawn`; `spawn_step::filter` with EACCES (see above), EINVAL for a filter that the kernel does not
/// take, or a kernel that has no such listener, EMFILE, EBUSY when this process is under a listener already; and
/// `spawn_step::trace`, with EPERM where ptrace(2) is forbidden.
[[nodiscard]] SCM_API result<watched_child, spawn_error> spawn_watched(const spawn_options& options,
                                                                       std::span<const sock_filter> filter,
                                                                       call_watcher by) noexcept;

}  // namespace scm::inline v0_1
