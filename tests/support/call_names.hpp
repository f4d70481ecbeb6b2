// The calls of the seam, and what is asked of them, in the words of the manual pages.
#pragma once

#include "core/sys.hpp"
#include "core/uapi.hpp"

#include <linux/fs.h>
#include <linux/netlink.h>
#include <sys/ptrace.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace scm::test {

inline constexpr std::array<std::string_view, sys::calls> call_names{"accept4",
                                                                     "bind",
                                                                     "capget",
                                                                     "capset",
                                                                     "chdir",
                                                                     "clock_nanosleep",
                                                                     "clone",
                                                                     "close",
                                                                     "close_range",
                                                                     "connect",
                                                                     "dup3",
                                                                     "epoll_create1",
                                                                     "epoll_ctl",
                                                                     "epoll_wait",
                                                                     "eventfd",
                                                                     "execve",
                                                                     "fchdir",
                                                                     "fchmod",
                                                                     "fcntl",
                                                                     "flock",
                                                                     "fstat",
                                                                     "fstatfs",
                                                                     "ftruncate",
                                                                     "getdents",
                                                                     "getgroups",
                                                                     "getrlimit",
                                                                     "getsockname",
                                                                     "getpeername",
                                                                     "getsockopt",
                                                                     "ioctl",
                                                                     "kcmp",
                                                                     "landlock_add_rule",
                                                                     "landlock_create_ruleset",
                                                                     "landlock_restrict_self",
                                                                     "listen",
                                                                     "lstat",
                                                                     "memfd_create",
                                                                     "mmap",
                                                                     "mq_getattr",
                                                                     "munmap",
                                                                     "open",
                                                                     "openat",
                                                                     "openat2",
                                                                     "pidfd_getfd",
                                                                     "pidfd_open",
                                                                     "pidfd_send_signal",
                                                                     "poll",
                                                                     "prctl",
                                                                     "preadv2",
                                                                     "process_vm_readv",
                                                                     "process_vm_writev",
                                                                     "ptrace",
                                                                     "read",
                                                                     "readlink",
                                                                     "recvmmsg",
                                                                     "recvmsg",
                                                                     "rt_sigaction",
                                                                     "rt_sigprocmask",
                                                                     "rt_sigtimedwait",
                                                                     "seccomp",
                                                                     "sendmmsg",
                                                                     "sendmsg",
                                                                     "setfsgid",
                                                                     "setfsuid",
                                                                     "setgroups",
                                                                     "setns",
                                                                     "setresgid",
                                                                     "setresuid",
                                                                     "setrlimit",
                                                                     "setsockopt",
                                                                     "shutdown",
                                                                     "socket",
                                                                     "socketpair",
                                                                     "statfs",
                                                                     "statx",
                                                                     "tgkill",
                                                                     "unlink",
                                                                     "unshare",
                                                                     "waitid",
                                                                     "write"};
static_assert(call_names[static_cast<int>(sys::call::waitid)] == "waitid");
static_assert(call_names[static_cast<int>(sys::call::poll)] == "poll");

// One call as the hook sees it: which, and the command, option, request or type that it is asked for (else 0).
struct made_call {
  sys::call which;
  int word = 0;

  static made_call seen(sys::call which, const void* argument) {
    switch (which) {
      case sys::call::fcntl:
      case sys::call::getsockopt:
      case sys::call::setsockopt:
      case sys::call::ioctl:
      case sys::call::prctl:
      case sys::call::ptrace:
      case sys::call::socket:
      case sys::call::socketpair:
        return {which, *static_cast<const int*>(argument)};
      default:
        return {which};
    }
  }
  friend bool operator==(const made_call&, const made_call&) = default;
  friend auto operator<=>(const made_call&, const made_call&) = default;
};

inline std::string word_of(const made_call& made) {
  using entry = std::pair<int, std::string_view>;
  static constexpr entry commands[] = {{F_DUPFD, "F_DUPFD"},         {F_DUPFD_CLOEXEC, "F_DUPFD_CLOEXEC"},
                                       {F_GETFD, "F_GETFD"},         {F_SETFD, "F_SETFD"},
                                       {F_GETFL, "F_GETFL"},         {F_SETFL, "F_SETFL"},
                                       {F_GET_SEALS, "F_GET_SEALS"}, {F_ADD_SEALS, "F_ADD_SEALS"}};
  // Those of SOL_NETLINK have numbers that none of SOL_SOCKET's used here have.
  static constexpr entry options[] = {{NETLINK_ADD_MEMBERSHIP, "NETLINK_ADD_MEMBERSHIP"},
                                      {NETLINK_DROP_MEMBERSHIP, "NETLINK_DROP_MEMBERSHIP"},
                                      {NETLINK_EXT_ACK, "NETLINK_EXT_ACK"},
                                      {NETLINK_GET_STRICT_CHK, "NETLINK_GET_STRICT_CHK"},
                                      {SO_ACCEPTCONN, "SO_ACCEPTCONN"},
                                      {SO_DOMAIN, "SO_DOMAIN"},
                                      {uapi::so_inq, "SO_INQ"},
                                      {SO_OOBINLINE, "SO_OOBINLINE"},
                                      {SO_PASSCRED, "SO_PASSCRED"},
                                      {uapi::so_passpidfd, "SO_PASSPIDFD"},
                                      {uapi::so_passrights, "SO_PASSRIGHTS"},
                                      {uapi::so_passsec, "SO_PASSSEC"},
                                      {SO_PEERCRED, "SO_PEERCRED"},
                                      {uapi::so_peergroups, "SO_PEERGROUPS"},
                                      {uapi::so_peerpidfd, "SO_PEERPIDFD"},
                                      {uapi::so_peersec, "SO_PEERSEC"},
                                      {SO_PROTOCOL, "SO_PROTOCOL"},
                                      {SO_RCVBUF, "SO_RCVBUF"},
                                      {SO_RCVBUFFORCE, "SO_RCVBUFFORCE"},
                                      {SO_SNDBUF, "SO_SNDBUF"},
                                      {SO_SNDTIMEO, "SO_SNDTIMEO"},
                                      {uapi::scm_timestamp, "SO_TIMESTAMP"},
                                      {uapi::so_timestampns, "SO_TIMESTAMPNS"},
                                      {uapi::scm_timestamp_new, "SO_TIMESTAMP_NEW"},
                                      {uapi::scm_timestampns_new, "SO_TIMESTAMPNS_NEW"},
                                      {uapi::so_timestamping, "SO_TIMESTAMPING"},
                                      {uapi::so_timestamping_new, "SO_TIMESTAMPING_NEW"},
                                      {SO_TYPE, "SO_TYPE"}};
  static constexpr entry requests[] = {{static_cast<int>(BLKGETSIZE64), "BLKGETSIZE64"},
                                       {static_cast<int>(uapi::pidfd_get_info), "PIDFD_GET_INFO"}};
  static constexpr entry tracing[] = {{PTRACE_TRACEME, "PTRACE_TRACEME"}};
  static constexpr entry attributes[] = {
      {PR_CAPBSET_DROP, "PR_CAPBSET_DROP"},  {PR_CAPBSET_READ, "PR_CAPBSET_READ"},
      {PR_GET_DUMPABLE, "PR_GET_DUMPABLE"},  {PR_GET_NO_NEW_PRIVS, "PR_GET_NO_NEW_PRIVS"},
      {PR_SET_DUMPABLE, "PR_SET_DUMPABLE"},  {PR_SET_NO_NEW_PRIVS, "PR_SET_NO_NEW_PRIVS"},
      {PR_SET_PDEATHSIG, "PR_SET_PDEATHSIG"}};
  const auto in = [&](const auto& table) {
    for (const entry& one : table) {
      if (one.first == made.word) return std::string{one.second};
    }
    return std::to_string(made.word);
  };
  switch (made.which) {
    case sys::call::fcntl:
      return in(commands);
    case sys::call::getsockopt:
    case sys::call::setsockopt:
      return in(options);
    case sys::call::ioctl:
      return in(requests);
    case sys::call::prctl:
      return in(attributes);
    case sys::call::ptrace:
      return in(tracing);
    case sys::call::socket:
    case sys::call::socketpair: {
      static constexpr entry types[] = {{SOCK_STREAM, "SOCK_STREAM"},
                                        {SOCK_DGRAM, "SOCK_DGRAM"},
                                        {SOCK_RAW, "SOCK_RAW"},
                                        {SOCK_SEQPACKET, "SOCK_SEQPACKET"}};
      std::string text = std::to_string(made.word);
      for (const entry& one : types) {
        if (one.first == (made.word & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))) text = one.second;
      }
      if ((made.word & SOCK_CLOEXEC) != 0) text += "+SOCK_CLOEXEC";
      if ((made.word & SOCK_NONBLOCK) != 0) text += "+SOCK_NONBLOCK";
      return text;
    }
    default:
      return {};
  }
}

inline std::string spelled(const made_call& made) {
  const std::string word = word_of(made);
  const std::string name{call_names[static_cast<std::size_t>(made.which)]};
  return word.empty() ? name : name + ' ' + word;
}

}  // namespace scm::test
