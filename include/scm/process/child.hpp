/// A process that was started here, held by a pidfd.
#pragma once

#include <scm/core/deadline.hpp>
#include <scm/core/fd.hpp>
#include <scm/core/result.hpp>

#include <sys/types.h>

#include <optional>

namespace scm::inline v0_1 {

/// How a process ended.
struct exit_status {
  int code = -1;             ///< What it gave to exit(3), 0 to 255; -1 when a signal ended it.
  int signal = 0;            ///< The signal that ended it; 0 when it exited.
  bool core_dumped = false;  ///< Whether it left a core dump.

  [[nodiscard]] bool succeeded() const noexcept { return code == 0; }
  friend bool operator==(const exit_status&, const exit_status&) = default;
};

/// A running or ended child. The pidfd is this very process, whatever becomes of its number: no signal and no wait can
/// hit another one. For one thread at a time.
///
/// One that is destroyed, or assigned over, while it holds a child kills it (SIGKILL) and reaps it, so that no process
/// outlives its owner by oversight and no zombie stays: `wait` for it first, or `detach` it. It takes as long as the
/// kernel takes to end that process; its own children go on. Two cases leave it alone: a process that forked off this
/// one, whose child it is not, and a child that this user may not kill (it changed its user), which is not waited for.
///
/// Do not mix this with a handler or thread that reaps whichever child ends (wait(2), waitpid(2) with -1), nor with
/// SIGCHLD set to SIG_IGN: where the status is gone `wait` is ECHILD.
class SCM_API child {
 public:
  child() noexcept = default;
  child(child&& other) noexcept;
  child& operator=(child&& other) noexcept;
  ~child() { kill_and_reap(); }

  /// Adopts a pidfd of a child of this process; what kind of descriptor it is shows when it is used.
  explicit child(owned_fd pidfd, pid_t pid) noexcept;

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(pidfd_); }
  /// The pidfd, lent: it polls as readable when the process has ended.
  [[nodiscard]] borrowed_fd pidfd() const noexcept { return pidfd_.get(); }
  /// The number, to be shown. It is not this process's any more once it has been reaped.
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  /// pidfd_send_signal(2). Errors: ESRCH when it has been reaped, EPERM, EINVAL for what is no signal.
  result<void> signal(int number) noexcept;

  /// Waits until it has ended and reaps it; afterwards answers the same again. Errors: timed_out, and EAGAIN for
  /// `dont_wait`; ECHILD when somebody else reaped it, or it is no child of this process; EBADF when there is none.
  [[nodiscard]] result<exit_status> wait(deadline until = no_deadline) noexcept;

  /// Gives the child up and leaves it running. Whoever holds the pidfd polls it and, in this process, reaps it
  /// (waitid(2), P_PIDFD with __WALL); until then an ended child is a zombie, which the end of this process removes.
  [[nodiscard]] owned_fd detach() noexcept;

 private:
  void kill_and_reap() noexcept;

  owned_fd pidfd_;
  pid_t pid_ = 0;
  pid_t parent_ = 0;  // the process whose child it is: a fork(2) of it has a copy of this value
  std::optional<exit_status> ended_;
};

}  // namespace scm::inline v0_1
