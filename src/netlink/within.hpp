/// A call of the kernel's that does not wait, made until it has done something or the time is over.
#pragma once

#include "channel/wait.hpp"
#include "core/os_error.hpp"

#include <cerrno>

namespace scm::inline v0_1::detail {

/// Calls `attempt` until it is neither EAGAIN, for which `events` are waited for, nor EINTR.
template <class Call>
auto within(borrowed_fd fd, short events, deadline until, Call attempt) noexcept -> result<decltype(attempt())> {
  waiter wait{until};
  for (;;) {
    const auto got = attempt();
    if (got >= 0) return got;
    std::error_code why;
    if (errno == EINTR) {
      why = wait.interrupted();
    } else if (errno == EAGAIN) {
      why = wait.ready(fd, events);
    } else {
      why = os_error();
    }
    if (why) return std::unexpected{why};
  }
}

}  // namespace scm::inline v0_1::detail
