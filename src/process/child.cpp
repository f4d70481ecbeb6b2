#include <scm/process/child.hpp>

#include "channel/wait.hpp"
#include "core/os_error.hpp"
#include "core/sys.hpp"

#include <utility>

namespace scm::inline v0_1 {
namespace {

exit_status status_of(const siginfo_t& how) noexcept {
  if (how.si_code == CLD_EXITED) return {.code = how.si_status};
  return {.signal = how.si_status, .core_dumped = how.si_code == CLD_DUMPED};
}

}  // namespace

child::child(owned_fd pidfd, pid_t pid) noexcept : pidfd_{std::move(pidfd)}, pid_{pid}, parent_{::getpid()} {}

child::child(child&& other) noexcept
    : pidfd_{std::move(other.pidfd_)},
      pid_{std::exchange(other.pid_, 0)},
      parent_{other.parent_},
      ended_{std::exchange(other.ended_, std::nullopt)} {}

child& child::operator=(child&& other) noexcept {
  if (this == &other) return *this;
  kill_and_reap();
  pidfd_ = std::move(other.pidfd_);
  pid_ = std::exchange(other.pid_, 0);
  parent_ = other.parent_;
  ended_ = std::exchange(other.ended_, std::nullopt);
  return *this;
}

result<void> child::signal(int number) noexcept {
  if (sys::pidfd_send_signal(pidfd_.native_handle(), number) != 0) return detail::os_failure();
  return {};
}

result<exit_status> child::wait(deadline until) noexcept {
  if (ended_) return *ended_;
  if (!pidfd_) return detail::os_failure(EBADF);
  detail::waiter waiting{until};
  for (;;) {
    if (!waiting.forever()) {
      if (const auto code = waiting.before(pidfd_, POLLIN)) return std::unexpected{code};
    }
    // The child of a tracer is seen by that one first: then it has ended, and cannot be waited for yet.
    siginfo_t how{};
    if (sys::waitid(pidfd_.native_handle(), how, WEXITED | __WALL | (waiting.forever() ? 0 : WNOHANG)) != 0) {
      if (errno != EINTR) return detail::os_failure();
      if (const auto code = waiting.interrupted()) return std::unexpected{code};
    } else if (how.si_pid != 0) {
      ended_ = status_of(how);
      return *ended_;
    } else if (waiting.never()) {
      return detail::os_failure(EAGAIN);
    } else if (const auto code = waiting.back_off()) {
      return std::unexpected{code};
    }
  }
}

owned_fd child::detach() noexcept {
  pid_ = 0;
  ended_.reset();
  return std::move(pidfd_);
}

void child::kill_and_reap() noexcept {
  if (!pidfd_ || ended_ || parent_ != ::getpid()) return;
  if (sys::pidfd_send_signal(pidfd_.native_handle(), SIGKILL) != 0 && errno != ESRCH) return;
  (void)wait();
}

}  // namespace scm::inline v0_1
