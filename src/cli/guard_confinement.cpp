#include "cli/guard_confinement.hpp"

#include <scm/process/inherited.hpp>
#include <scm/process/system_calls.hpp>

#include <algorithm>
#include <cerrno>
#include <new>
#include <string_view>

namespace scm::cli {

namespace {

// 32-bit machines have some under two names.
constexpr std::string_view supervising =
    // The loop and the listener.
    "epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd2 ioctl kill timerfd_create timerfd_settime "
    "timerfd_settime64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64 poll ppoll ppoll_time64 "
    // Memory, descriptors and threads of programs.
    "kcmp pidfd_getfd pidfd_open pidfd_send_signal process_vm_readv process_vm_writev tgkill waitid openat openat2 "
    "fstat fstat64 getdents64 lstat lstat64 newfstatat read readlink readlinkat "
    // On whose behalf a call is made, and with whose signals.
    "capget capset getegid getegid32 geteuid geteuid32 getgroups getgroups32 prctl prlimit64 setfsgid setfsgid32 "
    "setfsuid setfsuid32 setgroups setgroups32 rt_sigprocmask rt_sigtimedwait rt_sigtimedwait_time64 "
    "restart_syscall getpid gettid "
    // What is described, and written down.
    "fcntl fcntl64 fstatfs fstatfs64 getpeername getrandom getsockname getsockopt mq_getsetattr preadv2 statfs "
    "statfs64 statx write";

}  // namespace

result<void> confine_guard() noexcept try {
  if (auto forbidden = forbid_dumping(); !forbidden) return forbidden;
  allowed_calls allowed{.groups = {call_group::ending, call_group::memory, call_group::receiving, call_group::sending,
                                   call_group::admitting, call_group::children, call_group::files},
                        .calls = {},
                        .error = EPERM};
  for (std::string_view rest = supervising; !rest.empty();) {
    const std::string_view name = rest.substr(0, rest.find(' '));
    allowed.calls.emplace_back(name);
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
  }
  const auto loaded = allow_only(allowed);
  if (!loaded) return std::unexpected{loaded.error().code};
  return {};
} catch (const std::bad_alloc&) {
  return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
}

}  // namespace scm::cli
