/// The system-call seam: every call into the kernel goes through here, so that tests can make each one fail.
///
/// In the library these are the plain calls. With SCM_SYS_FAULTS (the library `scm_faults`, same sources, for tests
/// only) each call first asks `sys::faults`, which may answer in the kernel's place.
#pragma once

#include "core/direct_call.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>

#include <sched.h>

namespace scm::sys {

enum class call : unsigned char {
  accept4,
  bind,
  capget,
  capset,
  chdir,
  clock_nanosleep,
  clone,
  close,
  close_range,
  connect,
  dup3,
  epoll_create1,
  epoll_ctl,
  epoll_wait,
  eventfd,
  execve,
  fchdir,
  fchmod,
  fcntl,
  flock,
  fstat,
  fstatfs,
  ftruncate,
  getdents,
  getgroups,
  getrlimit,
  getsockname,
  getpeername,
  getsockopt,
  ioctl,
  kcmp,
  landlock_add_rule,
  landlock_create_ruleset,
  landlock_restrict_self,
  listen,
  lstat,
  memfd_create,
  mmap,
  mq_getattr,
  munmap,
  open,
  openat,
  openat2,
  pidfd_getfd,
  pidfd_open,
  pidfd_send_signal,
  poll,
  prctl,
  preadv2,
  process_vm_readv,
  process_vm_writev,
  ptrace,
  read,
  readlink,
  recvmmsg,
  recvmsg,
  rt_sigaction,
  rt_sigprocmask,
  rt_sigtimedwait,
  seccomp,
  sendmmsg,
  sendmsg,
  setfsgid,
  setfsuid,
  setgroups,
  setns,
  setresgid,
  setresuid,
  setrlimit,
  setsockopt,
  shutdown,
  socket,
  socketpair,
  statfs,
  statx,
  tgkill,
  unlink,
  unshare,
  waitid,
  write,
};
inline constexpr int calls = static_cast<int>(call::write) + 1;

#if SCM_SYS_FAULTS
/// Asked before each call: true to answer `result` instead of the kernel (errno set beforehand when it is -1).
/// `argument` is the msghdr of sendmsg and recvmsg, the `messages_asked` of sendmmsg and recvmmsg, the structure of
/// statx, fstat and lstat, the `capability_sets` of capget, the `landlock_ruleset` of one that is made, the
/// `option_asked` of getsockopt, or the int that says what is asked for: the command of
/// fcntl, prctl and ptrace, the option of setsockopt, the request of ioctl, the type of socket and socketpair; else
/// null.
using fault_hook = bool (*)(call which, void* argument, long& result);
void set_fault_hook(fault_hook hook) noexcept;
bool faulted(call which, void* argument, long& result) noexcept;
#endif

template <call Which, class Kernel>
inline auto through(Kernel kernel, [[maybe_unused]] const void* argument = nullptr) noexcept -> decltype(kernel()) {
#if SCM_SYS_FAULTS
  long result = 0;
  if (faulted(Which, const_cast<void*>(argument), result)) return static_cast<decltype(kernel())>(result);
#endif
  return kernel();
}

inline int accept4(int fd, sockaddr* name, socklen_t* size, int flags) noexcept {
  return through<call::accept4>([&] { return ::accept4(fd, name, size, flags); });
}
inline int bind(int fd, const sockaddr* name, socklen_t size) noexcept {
  return through<call::bind>([&] { return ::bind(fd, name, size); });
}
/// Sets of capabilities, one bit each; those of the calling thread.
struct capability_sets {
  std::uint64_t effective, permitted, inheritable;
};
inline int capget(capability_sets& has) noexcept {
  return through<call::capget>(
      [&] {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct halves[_LINUX_CAPABILITY_U32S_3]{};
        const long got = ::syscall(SYS_capget, &header, halves);
        const auto whole = [](std::uint32_t low, std::uint32_t high) { return std::uint64_t{high} << 32 | low; };
        has = {whole(halves[0].effective, halves[1].effective), whole(halves[0].permitted, halves[1].permitted),
               whole(halves[0].inheritable, halves[1].inheritable)};
        return static_cast<int>(got);
      },
      &has);
}
/// Empties all three of them.
inline int capset_none() noexcept {
  return through<call::capset>([&] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    const __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3]{};
    return static_cast<int>(::syscall(SYS_capset, &header, none));
  });
}
/// Sets what is effective; what is permitted stays.
inline int capset_effective(std::uint64_t effective, std::uint64_t permitted, std::uint64_t inheritable) noexcept {
  return through<call::capset>([&] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct halves[_LINUX_CAPABILITY_U32S_3]{};
    for (int i = 0; i != 2; ++i) {
      halves[i] = {static_cast<std::uint32_t>(effective >> 32 * i), static_cast<std::uint32_t>(permitted >> 32 * i),
                   static_cast<std::uint32_t>(inheritable >> 32 * i)};
    }
    return static_cast<int>(::syscall(SYS_capset, &header, halves));
  });
}
inline int chdir(const char* path) noexcept {
  return through<call::chdir>([&] { return ::chdir(path); });
}
inline int sleep_ns(long nanoseconds) noexcept {
  const timespec span{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  return through<call::clock_nanosleep>([&] { return ::clock_nanosleep(CLOCK_MONOTONIC, 0, &span, nullptr); });
}
/// clone(2) with a stack of its own for `body`, and the pidfd of the new process.
inline int clone(int (*body)(void*), void* stack_top, int flags, void* argument, int& pidfd) noexcept {
  return through<call::clone>([&] { return ::clone(body, stack_top, flags | CLONE_PIDFD, argument, &pidfd); });
}
/// A fault of close(2) is reported after the fact: the number is released in any case, as on Linux.
inline int close(int fd) noexcept {
#if SCM_DIRECT_CALLS
  const int closed = static_cast<int>(direct_call(SYS_close, fd, nullptr, 0));
#else
  const int closed = ::close(fd);
#endif
  return through<call::close>([&] { return closed; });
}
inline int close_range(unsigned first, unsigned last) noexcept {
  return through<call::close_range>([&] { return ::close_range(first, last, 0); });
}
inline int connect(int fd, const sockaddr* name, socklen_t size) noexcept {
  return through<call::connect>([&] { return ::connect(fd, name, size); });
}
/// By number, as all that a process does which shares its memory with another: what runs around the C library's
/// functions (sanitizers, cancellation) would take the descriptors of both for the same.
inline int dup3(int from, int to) noexcept {
  return through<call::dup3>([&] { return static_cast<int>(::syscall(SYS_dup3, from, to, 0)); });
}
inline int epoll_create1(int flags) noexcept {
  return through<call::epoll_create1>([&] { return ::epoll_create1(flags); });
}
inline int epoll_ctl(int number, int operation, int target, epoll_event& interest) noexcept {
  return through<call::epoll_ctl>([&] { return ::epoll_ctl(number, operation, target, &interest); });
}
/// Waits at most so many nanoseconds: epoll_pwait2(2), Linux 5.11.
inline int epoll_wait(int number, epoll_event* events, int most, long nanoseconds) noexcept {
  const timespec span{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  return through<call::epoll_wait>([&] { return ::epoll_pwait2(number, events, most, &span, nullptr); });
}
inline int eventfd(int flags) noexcept {
  return through<call::eventfd>([&] { return ::eventfd(0, flags); });
}
inline int execve(const char* path, char* const* arguments, char* const* environment) noexcept {
  return through<call::execve>([&] { return ::execve(path, arguments, environment); });
}
/// exit_group(2), which nothing can keep from happening. Not _exit(2): sanitizers take that for the end of the process
/// whose memory the caller may share.
[[noreturn]] inline void end_process(int status) noexcept {
  for (;;) ::syscall(SYS_exit_group, status);
}
inline int fchdir(int fd) noexcept {
  return through<call::fchdir>([&] { return ::fchdir(fd); });
}
inline int fchmod(int fd, mode_t mode) noexcept {
  return through<call::fchmod>([&] { return ::fchmod(fd, mode); });
}
inline int fcntl(int fd, int command, int argument = 0) noexcept {
  return through<call::fcntl>([&] { return ::fcntl(fd, command, argument); }, &command);
}
inline int flock(int fd, int operation) noexcept {
  return through<call::flock>([&] { return ::flock(fd, operation); });
}
inline int fstat(int fd, struct stat& status) noexcept {
  return through<call::fstat>([&] { return ::fstat(fd, &status); }, &status);
}
inline int fstatfs(int fd, struct statfs& status) noexcept {
  return through<call::fstatfs>([&] { return ::fstatfs(fd, &status); });
}
inline int getrlimit(decltype(RLIMIT_NOFILE) resource, rlimit& limit) noexcept {
  return through<call::getrlimit>([&] { return ::getrlimit(resource, &limit); });
}
inline int ftruncate(int fd, off_t size) noexcept {
  return through<call::ftruncate>([&] { return ::ftruncate(fd, size); });
}
/// Entries of a directory, struct linux_dirent64 each.
inline ssize_t getdents(int fd, void* entries, std::size_t size) noexcept {
  return through<call::getdents>([&]() -> ssize_t { return ::syscall(SYS_getdents64, fd, entries, size); });
}
/// How many supplementary groups there are.
inline int getgroups() noexcept {
  return through<call::getgroups>([&] { return ::getgroups(0, nullptr); });
}
/// At most so many of them: how many there are.
inline int getgroups(gid_t* groups, int most) noexcept {
  return through<call::getgroups>([&] { return ::getgroups(most, groups); });
}
inline int getsockname(int fd, sockaddr* name, socklen_t* size) noexcept {
  return through<call::getsockname>([&] { return ::getsockname(fd, name, size); });
}
inline int getpeername(int fd, sockaddr* name, socklen_t* size) noexcept {
  return through<call::getpeername>([&] { return ::getpeername(fd, name, size); });
}
/// What getsockopt is asked for and where its answer goes; the option is first, as where it is the whole argument.
struct option_asked {
  int name;
  void* value;
  socklen_t* size;
};
inline int getsockopt(int fd, int level, int name, void* value, socklen_t* size) noexcept {
  const option_asked asked{name, value, size};
  return through<call::getsockopt>([&] { return ::getsockopt(fd, level, name, value, size); }, &asked);
}
inline int ioctl(int fd, unsigned long request, void* argument) noexcept {
  const int asked = static_cast<int>(request);
  return through<call::ioctl>([&] { return ::ioctl(fd, request, argument); }, &asked);
}
/// Whether two threads have one descriptor table: 0 when they do.
inline int compare_tables(pid_t one, pid_t other) noexcept {
  constexpr int tables = 2;  // KCMP_FILES
  return through<call::kcmp>([&] { return static_cast<int>(::syscall(SYS_kcmp, one, other, tables, 0UL, 0UL)); });
}
inline int landlock_add_rule(int ruleset, const landlock_path_beneath_attr& rule) noexcept {
  return through<call::landlock_add_rule>([&] {
    return static_cast<int>(::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
  });
}
/// struct landlock_ruleset_attr as version 6 has it; each version knows a prefix of it.
struct landlock_ruleset {
  std::uint64_t files, network, scopes;
};
/// A ruleset, close-on-exec.
inline int landlock_create_ruleset(const landlock_ruleset& handled, std::size_t size) noexcept {
  return through<call::landlock_create_ruleset>(
      [&] { return static_cast<int>(::syscall(SYS_landlock_create_ruleset, &handled, size, 0)); }, &handled);
}
/// The version of Landlock's interface.
inline int landlock_version() noexcept {
  return through<call::landlock_create_ruleset>([&] {
    return static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
  });
}
/// For the calling thread and what it starts, for good.
inline int landlock_restrict_self(int ruleset) noexcept {
  return through<call::landlock_restrict_self>(
      [&] { return static_cast<int>(::syscall(SYS_landlock_restrict_self, ruleset, 0)); });
}
inline int listen(int fd, int backlog) noexcept {
  return through<call::listen>([&] { return ::listen(fd, backlog); });
}
inline int lstat(const char* path, struct stat& status) noexcept {
  return through<call::lstat>([&] { return ::lstat(path, &status); }, &status);
}
inline int memfd_create(const char* name, unsigned flags) noexcept {
  return through<call::memfd_create>([&] { return ::memfd_create(name, flags); });
}
/// Shared, from the start of the file, wherever there is room.
inline void* mmap(std::size_t size, int protection, int fd) noexcept {
  void* mapped = MAP_FAILED;
  (void)through<call::mmap>([&]() noexcept -> long {
    mapped = ::mmap(nullptr, size, protection, MAP_SHARED, fd, 0);
    return mapped == MAP_FAILED ? -1 : 0;
  });
  return mapped;
}
/// mq_getattr(3) without librt: EBADF for whatever is not a message queue.
inline int mq_getattr(int fd, void* attributes) noexcept {
  return through<call::mq_getattr>(
      [&] { return static_cast<int>(::syscall(SYS_mq_getsetattr, fd, nullptr, attributes)); });
}
/// As close: a fault is reported after the fact.
inline int munmap(void* start, std::size_t size) noexcept {
  const int unmapped = ::munmap(start, size);
  return through<call::munmap>([&] { return unmapped; });
}
inline int open(const char* path, int flags, mode_t mode = 0) noexcept {
  return through<call::open>([&] { return ::open(path, flags, mode); });
}
/// By number, see dup3.
inline int openat(const char* path, int flags) noexcept {
  return through<call::openat>([&] { return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, 0)); });
}
/// openat2(2): `resolve` is RESOLVE_…
inline int openat2(int directory, const char* path, std::uint64_t flags, std::uint64_t resolve) noexcept {
  const std::uint64_t how[3] = {flags, 0, resolve};  // struct open_how
  return through<call::openat2>(
      [&] { return static_cast<int>(::syscall(SYS_openat2, directory, path, how, sizeof how)); });
}
inline int pidfd_getfd(int process, int number) noexcept {
  return through<call::pidfd_getfd>([&] { return static_cast<int>(::syscall(SYS_pidfd_getfd, process, number, 0)); });
}
inline int pidfd_open(pid_t process, unsigned flags) noexcept {
  return through<call::pidfd_open>([&] { return static_cast<int>(::syscall(SYS_pidfd_open, process, flags)); });
}
inline int pidfd_send_signal(int process, int signal) noexcept {
  return through<call::pidfd_send_signal>(
      [&] { return static_cast<int>(::syscall(SYS_pidfd_send_signal, process, signal, nullptr, 0)); });
}
inline int poll(pollfd* set, nfds_t size, const timespec* timeout) noexcept {
  return through<call::poll>([&] { return ::ppoll(set, size, timeout, nullptr); });
}
inline int prctl(int option, unsigned long value) noexcept {
  return through<call::prctl>([&] { return ::prctl(option, value, 0UL, 0UL, 0UL); }, &option);
}
/// A read that does not wait, whatever the status flags of the open file: RWF_NOWAIT.
inline ssize_t read_nowait(int fd, void* bytes, std::size_t size) noexcept {
  const iovec room{bytes, size};
  return through<call::preadv2>([&] { return ::preadv2(fd, &room, 1, -1, RWF_NOWAIT); });
}
/// `remote` holds addresses of the other process.
inline ssize_t process_vm_readv(pid_t process, const iovec* local, std::size_t locals, const iovec* remote,
                                std::size_t remotes) noexcept {
  return through<call::process_vm_readv>(
      [&] { return ::process_vm_readv(process, local, locals, remote, remotes, 0); });
}
inline ssize_t process_vm_writev(pid_t process, const iovec* local, std::size_t locals, const iovec* remote,
                                 std::size_t remotes) noexcept {
  return through<call::process_vm_writev>(
      [&] { return ::process_vm_writev(process, local, locals, remote, remotes, 0); });
}
/// By number, see dup3: what is asked for, of which thread, and two arguments that mean what `request` says.
inline long ptrace(unsigned request, pid_t thread, std::uintptr_t address, std::uintptr_t data) noexcept {
  return through<call::ptrace>([&] { return ::syscall(SYS_ptrace, request, thread, address, data); }, &request);
}
inline ssize_t read(int fd, void* bytes, std::size_t size) noexcept {
  return through<call::read>([&] { return ::read(fd, bytes, size); });
}
inline ssize_t readlink(const char* path, char* target, std::size_t size) noexcept {
  return through<call::readlink>([&] { return ::readlink(path, target, size); });
}
/// The headers of many messages, and how many there are.
struct messages_asked {
  mmsghdr* headers;
  unsigned count;
};
/// Never with the kernel's own timeout, which is looked at only after each message (kernel fact F4).
inline int recvmmsg(int fd, mmsghdr* headers, unsigned count, int flags) noexcept {
  const messages_asked asked{headers, count};
  return through<call::recvmmsg>([&] { return ::recvmmsg(fd, headers, count, flags, nullptr); }, &asked);
}
inline ssize_t recvmsg(int fd, msghdr& message, int flags) noexcept {
  return through<call::recvmsg>(
      [&]() noexcept -> ssize_t {
#if SCM_DIRECT_CALLS
        return direct_call(SYS_recvmsg, fd, &message, flags);
#else
        return ::recvmsg(fd, &message, flags);
#endif
      },
      &message);
}
/// The kernel's set of signals: the C library keeps two of them to itself, which are meant here too.
using signal_set = std::uint64_t;
/// Sets the default action of a signal.
inline int reset_signal(int number) noexcept {
  static constexpr unsigned long defaults[8] = {};  // SIG_DFL, no flags and no mask in every layout of the structure
  return through<call::rt_sigaction>(
      [&] { return static_cast<int>(::syscall(SYS_rt_sigaction, number, &defaults, nullptr, sizeof(signal_set))); });
}
inline int signal_mask(const signal_set& blocked, signal_set* before) noexcept {
  return through<call::rt_sigprocmask>(
      [&] { return static_cast<int>(::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, before, sizeof blocked)); });
}
/// Puts a mask back that the kernel gave, which cannot fail; a fault is reported after the fact.
inline int restore_signal_mask(const signal_set& blocked) noexcept {
  const auto restored = static_cast<int>(::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &blocked, nullptr, sizeof blocked));
  return through<call::rt_sigprocmask>([&] { return restored; });
}
/// Takes a signal of the set that is pending, which must be blocked, without waiting: its number.
inline int take_signal(const signal_set& of) noexcept {
  return through<call::rt_sigtimedwait>([&] {
    const timespec now{};
    return static_cast<int>(::syscall(SYS_rt_sigtimedwait, &of, nullptr, &now, sizeof of));
  });
}
/// SECCOMP_SET_MODE_FILTER: 0, or the filter's listener when the flags ask for one, close-on-exec.
inline int seccomp_filter(unsigned flags, const sock_fprog& program) noexcept {
  return through<call::seccomp>(
      [&] { return static_cast<int>(::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program)); });
}
inline int sendmmsg(int fd, mmsghdr* headers, unsigned count, int flags) noexcept {
  const messages_asked asked{headers, count};
  return through<call::sendmmsg>([&] { return ::sendmmsg(fd, headers, count, flags); }, &asked);
}
inline ssize_t sendmsg(int fd, const msghdr& message, int flags) noexcept {
  return through<call::sendmsg>(
      [&]() noexcept -> ssize_t {
#if SCM_DIRECT_CALLS
        return direct_call(SYS_sendmsg, fd, &message, flags);
#else
        return ::sendmsg(fd, &message, flags);
#endif
      },
      &message);
}
#if defined(SYS_setresuid32)  // the calls of the older name have 16 bits for an id
inline constexpr long setfsgid_number = SYS_setfsgid32;
inline constexpr long setfsuid_number = SYS_setfsuid32;
inline constexpr long setgroups_number = SYS_setgroups32;
inline constexpr long setresgid_number = SYS_setresgid32;
inline constexpr long setresuid_number = SYS_setresuid32;
#else
inline constexpr long setfsgid_number = SYS_setfsgid;
inline constexpr long setfsuid_number = SYS_setfsuid;
inline constexpr long setgroups_number = SYS_setgroups;
inline constexpr long setresgid_number = SYS_setresgid;
inline constexpr long setresuid_number = SYS_setresuid;
#endif
/// These three are of the calling thread alone: the C library's would change, by a signal, every thread of the process
/// whose memory this one may share.
inline int setgroups(const gid_t* groups, std::size_t count) noexcept {
  return through<call::setgroups>([&] { return static_cast<int>(::syscall(setgroups_number, count, groups)); });
}
inline int setresgid(gid_t group) noexcept {
  return through<call::setresgid>([&] { return static_cast<int>(::syscall(setresgid_number, group, group, group)); });
}
inline int setresuid(uid_t user) noexcept {
  return through<call::setresuid>([&] { return static_cast<int>(::syscall(setresuid_number, user, user, user)); });
}
/// Of the calling thread alone: whose files it may reach. Answers who it was, and fails without saying so.
inline int setfsgid(gid_t group) noexcept {
  return through<call::setfsgid>([&] { return static_cast<int>(::syscall(setfsgid_number, group)); });
}
inline int setfsuid(uid_t user) noexcept {
  return through<call::setfsuid>([&] { return static_cast<int>(::syscall(setfsuid_number, user)); });
}
/// Of the calling thread alone; `kind` is a CLONE_NEW….
inline int setns(int fd, int kind) noexcept {
  return through<call::setns>([&] { return ::setns(fd, kind); });
}
inline int setrlimit(int resource, const rlimit& limit) noexcept {
  return through<call::setrlimit>([&] { return ::setrlimit(static_cast<decltype(RLIMIT_NOFILE)>(resource), &limit); });
}
inline int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
  return through<call::setsockopt>([&] { return ::setsockopt(fd, level, name, value, size); }, &name);
}
inline int shutdown(int fd, int how) noexcept {
  return through<call::shutdown>([&] { return ::shutdown(fd, how); });
}
inline int socket(int type) noexcept {
  return through<call::socket>([&] { return ::socket(AF_UNIX, type, 0); }, &type);
}
/// A netlink socket (netlink(7)); its type, SOCK_RAW or SOCK_DGRAM, makes no difference to the kernel.
inline int netlink_socket(int type, int protocol) noexcept {
  return through<call::socket>([&] { return ::socket(AF_NETLINK, type, protocol); }, &type);
}
inline int socketpair(int type, int ends[2]) noexcept {
  return through<call::socketpair>([&] { return ::socketpair(AF_UNIX, type, 0, ends); }, &type);
}
inline int statfs(const char* path, struct statfs& status) noexcept {
  return through<call::statfs>([&] { return ::statfs(path, &status); });
}
inline int statx(int directory, const char* path, int flags, unsigned mask, struct statx& status) noexcept {
  return through<call::statx>([&] { return ::statx(directory, path, flags, mask, &status); }, &status);
}
inline int tgkill(pid_t process, pid_t thread, int signal) noexcept {
  return through<call::tgkill>([&] { return static_cast<int>(::syscall(SYS_tgkill, process, thread, signal)); });
}
inline int unlink(const char* path) noexcept {
  return through<call::unlink>([&] { return ::unlink(path); });
}
inline int unshare(int flags) noexcept {
  return through<call::unshare>([&] { return ::unshare(flags); });
}
/// Of the process behind a pidfd; with WNOHANG si_pid is 0 when it has not ended.
inline int waitid(int process, siginfo_t& how, int options) noexcept {
  return through<call::waitid>([&] { return ::waitid(P_PIDFD, static_cast<id_t>(process), &how, options); });
}
/// Of any child of the calling thread, and of those that it traces.
inline int waitid_any(siginfo_t& how, int options) noexcept {
  return through<call::waitid>([&] { return ::waitid(P_ALL, 0, &how, options | __WNOTHREAD); });
}
inline ssize_t write(int fd, const void* bytes, std::size_t size) noexcept {
  return through<call::write>([&] { return ::write(fd, bytes, size); });
}

}  // namespace scm::sys
