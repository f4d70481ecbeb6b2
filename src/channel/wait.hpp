/// Waiting for a socket within a deadline.
#pragma once

#include <scm/core/deadline.hpp>
#include <scm/core/fd.hpp>
#include <scm/core/limits.hpp>
#include <scm/core/result.hpp>

#include <chrono>

namespace scm::inline v0_1::detail {

/// The waits between the attempts of one call. Each returns an empty code when another attempt is due, otherwise why
/// there is none: `timed_out`, EAGAIN for `dont_wait`, or poll(2)'s error.
class waiter {
 public:
  explicit waiter(deadline until) noexcept : until_{until} {}

  [[nodiscard]] bool forever() const noexcept { return until_ == no_deadline; }
  [[nodiscard]] bool never() const noexcept { return until_ == dont_wait; }

  /// After EAGAIN: waits for POLLIN or POLLOUT. An attempt that would block although poll said ready, twice in a row,
  /// has no event to wait for (kernel fact D8) and is followed by a sleep.
  [[nodiscard]] std::error_code ready(borrowed_fd fd, short events) noexcept;
  /// Before a call that has no flag against waiting: waits for an event, or only looks for one.
  [[nodiscard]] std::error_code before(borrowed_fd fd, short events) noexcept;
  /// Sleeps, longer each time. Not for `dont_wait`, which has no time to sleep.
  [[nodiscard]] std::error_code back_off() noexcept;
  /// After EINTR: whether there is time for another attempt.
  [[nodiscard]] std::error_code interrupted() const noexcept;

 private:
  [[nodiscard]] std::chrono::nanoseconds left() const noexcept;

  deadline until_;
  std::chrono::nanoseconds backoff_ = limits::first_backoff;
  int ready_in_vain_ = 0;
};

}  // namespace scm::inline v0_1::detail
