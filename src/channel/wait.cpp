#include "channel/wait.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"

#include <algorithm>

namespace scm::inline v0_1::detail {
namespace {

timespec to_timespec(std::chrono::nanoseconds span) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span);
  return {static_cast<time_t>(seconds.count()), static_cast<long>((span - seconds).count())};
}

std::error_code timed_out() noexcept { return std::make_error_code(std::errc::timed_out); }

}  // namespace

std::chrono::nanoseconds waiter::left() const noexcept {
  using namespace std::chrono_literals;
  if (forever()) return std::chrono::nanoseconds::max();
  const auto now = std::chrono::steady_clock::now();
  return until_ > now ? until_ - now : 0ns;  // compared first: the difference to the far past does not fit
}

std::error_code waiter::interrupted() const noexcept {
  if (never() || left().count() != 0) return {};  // an attempt that does not wait cannot use up the time
  return timed_out();
}

std::error_code waiter::before(borrowed_fd fd, short events) noexcept {
  if (!fd) return os_error(EBADF);  // poll(2) would ignore it, and wait
  pollfd one{fd.native_handle(), events, 0};
  for (;;) {
    const auto span = never() ? std::chrono::nanoseconds{0} : left();
    const timespec timeout = forever() ? timespec{} : to_timespec(span);
    const int count = sys::poll(&one, 1, forever() ? nullptr : &timeout);
    if (count > 0) return {};
    if (count < 0 && errno != EINTR) return os_error();
    if (never()) return os_error(EAGAIN);
    if (left().count() == 0) return timed_out();
  }
}

std::error_code waiter::ready(borrowed_fd fd, short events) noexcept {
  if (never()) return os_error(EAGAIN);
  if (left().count() == 0) return timed_out();
  if (ready_in_vain_ == 2) {
    ready_in_vain_ = 1;
    return back_off();
  }
  ++ready_in_vain_;  // in vain, if this call is made again
  return before(fd, events);
}

std::error_code waiter::back_off() noexcept {
  const auto span = std::min(left(), backoff_);
  if (span.count() == 0) return timed_out();
  sys::sleep_ns(static_cast<long>(span.count()));  // woken early by a signal is as good
  backoff_ = std::min<std::chrono::nanoseconds>(backoff_ * 2, limits::last_backoff);
  return {};
}

}  // namespace scm::inline v0_1::detail
