/// What a control server may still call once it serves, for a filter of system calls: with scm::seccomp.
#pragma once

#include <scm/process/system_calls.hpp>

namespace scm::inline v0_1 {

/// Accepting, messages both ways, memory, the end; and what the event loop adds: its wait, its timer, its wake-up, and
/// ioctl(2), by which it makes its own descriptors not wait. No file is opened by any of them, and none executed. What
/// handlers call is for the caller to add. Every other call fails with EPERM, since a daemon had better answer with an
/// error than end; set `error` to 0 for the other. Throws std::bad_alloc.
///
///     options.before_serving = [] -> result<void> {
///       if (const auto confined = confine({}); !confined) return std::unexpected{confined.error().code};
///       if (const auto loaded = allow_only(control_server_calls()); !loaded) return
///       std::unexpected{loaded.error().code}; return {};
///     };
[[nodiscard]] inline allowed_calls control_server_calls() {
  return {.groups = {call_group::ending, call_group::memory, call_group::receiving, call_group::sending,
                     call_group::accepting},
          .calls = {"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "timerfd_settime", "timerfd_settime64",
                    "ioctl", "read", "write", "preadv2"},
          .error = 1};  // EPERM
}

}  // namespace scm::inline v0_1
