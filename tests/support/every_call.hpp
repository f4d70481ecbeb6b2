// Fails every system call of a scenario, one at a time and in every way that its manual page knows.
#pragma once

#include "support/catch.hpp"
#include "support/descriptor_table.hpp"
#include "support/faults.hpp"
#include "support/scenario.hpp"

#include <cerrno>
#include <cstring>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace scm::test {

// The errors that the manual pages name, and those that the kernel's own paths and its security modules add.
inline std::span<const int> plausible(sys::call which) {
#define SCM_ERRORS(...)                             \
  {                                                 \
    static constexpr int numbers[] = {__VA_ARGS__}; \
    return numbers;                                 \
  }
  switch (which) {
    using enum sys::call;
    case accept4:
      SCM_ERRORS(EAGAIN, EBADF, ECONNABORTED, EFAULT, EINTR, EINVAL, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOTSOCK,
                 EOPNOTSUPP, EPERM, EPROTO, ENOSYS)
    case bind:
      SCM_ERRORS(EACCES, EADDRINUSE, EADDRNOTAVAIL, EBADF, EFAULT, EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOSPC,
                 ENOTDIR, ENOTSOCK, EPERM, EROFS)
    case capget:
    case capset:
      SCM_ERRORS(EFAULT, EINVAL, EPERM, ESRCH)
    case chdir:
    case fchdir:
      SCM_ERRORS(EACCES, EBADF, EFAULT, EIO, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR)
    case clock_nanosleep:
      SCM_ERRORS(EINTR, EINVAL, EPERM, ENOSYS)
    case clone:
      SCM_ERRORS(EAGAIN, EINVAL, EMFILE, ENOMEM, ENOSPC, ENOSYS, EPERM, EUSERS)
    case close:
      SCM_ERRORS(EBADF, EDQUOT, EINTR, EIO, ENOSPC)
    case close_range:
      SCM_ERRORS(EINVAL, ENOMEM, ENOSYS, EPERM)
    case connect:
      SCM_ERRORS(EACCES, EAGAIN, EBADF, ECONNREFUSED, EFAULT, EINTR, EISCONN, ENOENT, ENOMEM, ENOTSOCK, EPERM,
                 EPROTOTYPE)
    case dup3:
      SCM_ERRORS(EBUSY, EINTR, EINVAL, EMFILE, EPERM)
    case epoll_create1:
      SCM_ERRORS(EINVAL, EMFILE, ENFILE, ENOMEM)
    case epoll_ctl:
      SCM_ERRORS(EBADF, EEXIST, EINVAL, ELOOP, ENOENT, ENOMEM, ENOSPC, EPERM)
    case execve:
      SCM_ERRORS(E2BIG, EACCES, EAGAIN, EFAULT, EINVAL, EIO, EISDIR, ELIBBAD, ELOOP, EMFILE, ENAMETOOLONG, ENFILE,
                 ENOENT, ENOEXEC, ENOMEM, ENOTDIR, EPERM, ETXTBSY)
    case eventfd:
      SCM_ERRORS(EINVAL, EMFILE, ENFILE, ENODEV, ENOMEM, EPERM)
    case fchmod:
      SCM_ERRORS(EBADF, EINTR, EIO, ENOMEM, EPERM, EROFS)
    case fcntl:
      SCM_ERRORS(EACCES, EBADF, EINVAL, EMFILE, EPERM)
    case flock:
      SCM_ERRORS(EBADF, EINTR, EINVAL, ENOLCK, EWOULDBLOCK)
    case fstat:
    case lstat:
      SCM_ERRORS(EACCES, EBADF, EFAULT, EIO, ELOOP, ENOENT, ENOMEM, ENOTDIR, EOVERFLOW)
    case fstatfs:
    case statfs:
      SCM_ERRORS(EACCES, EBADF, EINTR, EIO, ENOENT, ENOMEM, ENOSYS)
    case ftruncate:
      SCM_ERRORS(EACCES, EBADF, EFBIG, EINTR, EINVAL, EIO, ENOSPC, EPERM)
    case getgroups:
      SCM_ERRORS(EFAULT, EINVAL, EPERM)
    case getrlimit:
      SCM_ERRORS(EFAULT, EINVAL, EPERM)
    case getsockname:
    case getpeername:
      SCM_ERRORS(EBADF, EFAULT, EINVAL, ENOBUFS, ENOTCONN, ENOTSOCK)
    case getsockopt:
      SCM_ERRORS(EACCES, EBADF, EFAULT, EINVAL, EMFILE, ENODATA, ENOMEM, ENOPROTOOPT, ENOTCONN, ENOTSOCK, EOPNOTSUPP,
                 EPERM)
    case ioctl:
      SCM_ERRORS(EBADF, EFAULT, EINVAL, ENOTTY, EPERM, ESRCH)
    case landlock_add_rule:
      SCM_ERRORS(EBADF, EBADFD, EFAULT, EINVAL, ENOMEM, ENOMSG, EOPNOTSUPP, EPERM)
    case landlock_create_ruleset:
      SCM_ERRORS(E2BIG, EFAULT, EINVAL, EMFILE, ENFILE, ENOMEM, ENOMSG, ENOSYS, EOPNOTSUPP, EPERM)
    case landlock_restrict_self:
      SCM_ERRORS(E2BIG, EBADF, EBADFD, EINVAL, ENOMEM, EOPNOTSUPP, EPERM)
    case listen:
      SCM_ERRORS(EADDRINUSE, EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP, EPERM)
    case memfd_create:
      SCM_ERRORS(EACCES, EINVAL, EMFILE, ENFILE, ENOMEM, EPERM)
    case mmap:
      SCM_ERRORS(EACCES, EAGAIN, EBADF, EINVAL, ENFILE, ENODEV, ENOMEM, EOVERFLOW, EPERM)
    case munmap:
      SCM_ERRORS(EINVAL, ENOMEM)
    case mq_getattr:
      SCM_ERRORS(EBADF, EINVAL, ENOSYS)
    case open:
    case openat:
      SCM_ERRORS(EACCES, EDQUOT, EINTR, EISDIR, ELOOP, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSPC, ENXIO, EPERM, EROFS)
    case pidfd_send_signal:
      SCM_ERRORS(EBADF, EINVAL, EPERM, ESRCH, ENOSYS)
    case poll:
      SCM_ERRORS(EFAULT, EINTR, EINVAL, ENOMEM)
    case prctl:
      SCM_ERRORS(EINVAL, EPERM, ENOSYS)
    case preadv2:
      SCM_ERRORS(EAGAIN, EBADF, EINTR, EINVAL, EIO, EOPNOTSUPP, EPERM)
    case process_vm_readv:
    case process_vm_writev:
      SCM_ERRORS(EFAULT, EINVAL, ENOMEM, ENOSYS, EPERM, ESRCH)
    case write:
      SCM_ERRORS(EBADF, EDQUOT, EINTR, EINVAL, EIO, EPERM)
    case read:
      SCM_ERRORS(EAGAIN, EBADF, EINTR, EIO, EISDIR, EPERM)
    case readlink:
      SCM_ERRORS(EACCES, EINVAL, EIO, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, EPERM)
    case recvmmsg:
    case recvmsg:
      SCM_ERRORS(EACCES, EAGAIN, EBADF, ECONNREFUSED, ECONNRESET, EFAULT, EINTR, EINVAL, EIO, ENOBUFS, ENOMEM, ENOTCONN,
                 ENOTSOCK, EPERM)
    case rt_sigaction:
    case rt_sigprocmask:
      SCM_ERRORS(EFAULT, EINVAL)
    case sendmmsg:
    case sendmsg:
      SCM_ERRORS(EACCES, EAGAIN, EBADF, ECONNREFUSED, ECONNRESET, EDESTADDRREQ, EFAULT, EINTR, EINVAL, EISCONN,
                 EMSGSIZE, ENOBUFS, ENOENT, ENOMEM, ENOTCONN, ENOTSOCK, EPERM, EPIPE, ESRCH, ETOOMANYREFS)
    case setgroups:
      SCM_ERRORS(EFAULT, EINVAL, ENOMEM, EPERM)
    case setns:
      SCM_ERRORS(EBADF, EINVAL, ENOMEM, EPERM, ESRCH)
    case setresgid:
    case setresuid:
      SCM_ERRORS(EAGAIN, EINVAL, EPERM)
    case setrlimit:
      SCM_ERRORS(EFAULT, EINVAL, EPERM)
    case setsockopt:
      SCM_ERRORS(EACCES, EBADF, EDOM, EFAULT, EINVAL, ENOMEM, ENOPROTOOPT, ENOTSOCK, EOPNOTSUPP, EPERM)
    case shutdown:
      SCM_ERRORS(EBADF, EINVAL, ENOTCONN, ENOTSOCK, EPERM)
    case socket:
    case socketpair:
      SCM_ERRORS(EACCES, EAFNOSUPPORT, EINVAL, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTONOSUPPORT)
    case statx:
      SCM_ERRORS(EACCES, EBADF, EFAULT, EINVAL, EIO, ENOENT, ENOMEM, ENOSYS, EPERM)
    case unlink:
      SCM_ERRORS(EACCES, EBUSY, EIO, EISDIR, ENOENT, ENOMEM, ENOTDIR, EPERM, EROFS)
    case seccomp:
      SCM_ERRORS(EACCES, EBUSY, ECANCELED, EFAULT, EINVAL, EMFILE, ENFILE, ENOMEM, ENOSYS, EOPNOTSUPP)
    case ptrace:
      SCM_ERRORS(EBUSY, EFAULT, EINVAL, EIO, EPERM, ESRCH)
    case unshare:
      SCM_ERRORS(EINVAL, ENOMEM, ENOSPC, ENOSYS, EPERM, EUSERS)
    case waitid:
      SCM_ERRORS(ECHILD, EINTR, EINVAL)
    case epoll_wait:
      SCM_ERRORS(EBADF, EFAULT, EINTR, EINVAL)
    case getdents:
      SCM_ERRORS(EBADF, EFAULT, EINVAL, ENOENT, ENOTDIR)
    case kcmp:
      SCM_ERRORS(EINVAL, ENOSYS, EPERM, ESRCH)
    case openat2:
      SCM_ERRORS(EACCES, EAGAIN, EINTR, ELOOP, EMFILE, ENAMETOOLONG, ENFILE, ENOENT, ENOMEM, ENOSYS, ENOTDIR, EXDEV)
    case pidfd_getfd:
      SCM_ERRORS(EBADF, EMFILE, ENFILE, ENOSYS, EPERM, ESRCH)
    case pidfd_open:
      SCM_ERRORS(EINVAL, EMFILE, ENFILE, ENODEV, ENOENT, ENOMEM, ENOSYS, ESRCH)
    case rt_sigtimedwait:
      SCM_ERRORS(EAGAIN, EINTR, EINVAL)
    case setfsgid:
    case setfsuid:
      SCM_ERRORS(EPERM)
    case tgkill:
      SCM_ERRORS(EAGAIN, EINVAL, EPERM, ESRCH)
  }
#undef SCM_ERRORS
  return {};
}

// Runs scenarios, each held to the descriptor table that it found, and counts the different faults they were put to.
class every_call {
 public:
  // Fails each call of the part under test once with each of its errors; afterwards all is as `expected` says.
  void one_at_a_time(const scenario& of) {
    INFO(of.name);
    std::vector<made_call> made;
    const std::error_code clean = recorded(of, made);
    for (std::size_t nth = 0; nth != made.size(); ++nth) {
      for (const int number : plausible(made[nth].which)) {
        const fault one{made[nth], occurrence(made, nth), number};
        if (exception_of(of, one).what == answer::kind::cannot_be) continue;
        INFO("call " << nth + 1 << " of " << made.size() << ", " << spelled(one.made) << ", fails with "
                     << std::strerror(number));
        CHECK(run(of, made, nth, number, false) == expected(of, one, clean));
        distinct_.insert({of.name, nth, made[nth].which, number});
      }
    }
  }

  // Fails each call and all that follow it: whatever else goes wrong, there is an error and nothing leaks.
  void from_there_on(const scenario& of) {
    INFO(of.name);
    std::vector<made_call> made;
    const std::error_code clean = recorded(of, made);
    for (std::size_t nth = 0; nth != made.size(); ++nth) {
      INFO("from call " << nth + 1 << " of " << made.size() << " on, " << spelled(made[nth]) << ", nothing succeeds");
      const std::error_code code = run(of, made, nth, EIO, true);
      if (expected(of, {made[nth], occurrence(made, nth), EIO}, clean)) CHECK(code);
      distinct_.insert({of.name, nth, made[nth].which, EIO});
    }
  }

  [[nodiscard]] std::size_t distinct() const { return distinct_.size(); }

 private:
  static int occurrence(const std::vector<made_call>& made, std::size_t nth) {
    int count = 0;
    for (std::size_t i = 0; i <= nth; ++i) count += made[i].which == made[nth].which;
    return count;
  }

  // Answers the stumble of a scenario, once in each run.
  class stumbling {
   public:
    explicit stumbling(const scenario& of) : left_{of.stumble} {}
    bool operator()(sys::call which, long& result) {
      if (!left_ || left_->first != which) return false;
      errno = left_->second;
      result = -1;
      left_.reset();
      return true;
    }

   private:
    std::optional<std::pair<sys::call, int>> left_;
  };

  static std::error_code recorded(const scenario& of, std::vector<made_call>& made) {
    stumbling stumble{of};
    const auto code = held(of, false, [&](sys::call which, void* argument, long& result) {
      if (stumble(which, result)) return true;
      made.push_back(made_call::seen(which, argument));
      return false;
    });
    REQUIRE_FALSE(made.empty());
    REQUIRE(made.size() < 200);
    return code;
  }

  static std::error_code run(const scenario& of, const std::vector<made_call>& expected_calls, std::size_t nth,
                             int number, bool lasting) {
    stumbling stumble{of};
    std::size_t calls = 0;
    bool same = true;
    const auto code = held(of, lasting, [&](sys::call which, void* argument, long& result) {
      if (stumble(which, result)) return true;
      const std::size_t now = calls++;
      if (now <= nth) same = same && made_call::seen(which, argument) == expected_calls[now];
      if (lasting ? now < nth : now != nth) return false;
      errno = number;
      result = -1;
      return true;
    });
    CHECK(same);
    CHECK(calls > nth);
    return code;
  }

  static std::error_code held(const scenario& of, bool lasting, const faults::hook& hook) {
    const descriptor_table before = descriptor_table::now();
    const auto code = of.run({[&](const ordeal::part& tried) {
                                const faults installed{hook};
                                return tried();
                              },
                              lasting});
    if (const auto after = descriptor_table::now(); after != before) FAIL_CHECK(difference(before, after));
    return code;
  }

  std::set<std::tuple<std::string, std::size_t, sys::call, int>> distinct_;
};

}  // namespace scm::test
