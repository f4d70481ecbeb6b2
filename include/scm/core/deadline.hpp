/// Points in time after which waiting ends.
#pragma once

#include <scm/core/config.hpp>

#include <chrono>

namespace scm::inline v0_1 {

/// A point on the monotonic clock. One that has passed still allows one attempt that does not wait.
using deadline = std::chrono::steady_clock::time_point;

/// Waits as long as it takes.
inline constexpr deadline no_deadline = deadline::max();

/// Does not wait at all: one attempt, and `EAGAIN` where any other deadline would end as `timed_out`.
inline constexpr deadline dont_wait = deadline::min();

/// The deadline `from_now` ahead; `no_deadline` when that is past the end of the clock. A negative span is a deadline
/// that has passed.
[[nodiscard]] inline deadline in(std::chrono::nanoseconds from_now) noexcept {
  const deadline now = std::chrono::steady_clock::now();
  if (from_now <= std::chrono::nanoseconds::zero()) return now;
  return from_now > no_deadline - now ? no_deadline : now + from_now;
}

}  // namespace scm::inline v0_1
