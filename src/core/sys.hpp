/// The system-call seam: every call into the kernel goes through here, so that tests can make each one fail.
///
/// In the library these are the plain calls. With SCM_SYS_FAULTS (the library `scm_faults`, same sources, for tests
/// only) each call first asks `sys::faults`, which may answer in the kernel's place.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

namespace scm::sys {

enum class call : unsigned char {
  accept4,
  bind,
  clock_nanosleep,
  close,
  close_range,
  connect,
  fchmod,
  fcntl,
  flock,
  fstat,
  fstatfs,
  getrlimit,
  getsockname,
  getpeername,
  getsockopt,
  ioctl,
  listen,
  lstat,
  mq_getattr,
  open,
  pidfd_getfd,
  pidfd_open,
  poll,
  read,
  readlink,
  recvmmsg,
  recvmsg,
  sendmmsg,
  sendmsg,
  setsockopt,
  shutdown,
  socket,
  socketpair,
  statfs,
  statx,
  unlink,
};
inline constexpr int calls = static_cast<int>(call::unlink) + 1;

#if SCM_SYS_FAULTS
/// Asked before each call: true to answer `result` instead of the kernel (errno set beforehand when it is -1).
/// `argument` is the msghdr of sendmsg and recvmsg, the `messages_asked` of sendmmsg and recvmmsg, the structure of
/// statx, fstat and lstat, the `option_asked` of getsockopt, or the int that says what is asked for: the command of
/// fcntl, the option of setsockopt, the request of ioctl, the type of socket and socketpair; else null.
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
inline int sleep_ns(long nanoseconds) noexcept {
  const timespec span{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  return through<call::clock_nanosleep>([&] { return ::clock_nanosleep(CLOCK_MONOTONIC, 0, &span, nullptr); });
}
/// A fault of close(2) is reported after the fact: the number is released in any case, as on Linux.
inline int close(int fd) noexcept {
  const int closed = ::close(fd);
  return through<call::close>([&] { return closed; });
}
inline int close_range(unsigned first, unsigned last) noexcept {
  return through<call::close_range>([&] { return ::close_range(first, last, 0); });
}
inline int connect(int fd, const sockaddr* name, socklen_t size) noexcept {
  return through<call::connect>([&] { return ::connect(fd, name, size); });
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
inline int listen(int fd, int backlog) noexcept {
  return through<call::listen>([&] { return ::listen(fd, backlog); });
}
inline int lstat(const char* path, struct stat& status) noexcept {
  return through<call::lstat>([&] { return ::lstat(path, &status); }, &status);
}
/// mq_getattr(3) without librt: EBADF for whatever is not a message queue.
inline int mq_getattr(int fd, void* attributes) noexcept {
  return through<call::mq_getattr>(
      [&] { return static_cast<int>(::syscall(SYS_mq_getsetattr, fd, nullptr, attributes)); });
}
inline int open(const char* path, int flags, mode_t mode = 0) noexcept {
  return through<call::open>([&] { return ::open(path, flags, mode); });
}
inline int pidfd_getfd(int process, int number) noexcept {
  return through<call::pidfd_getfd>([&] { return static_cast<int>(::syscall(SYS_pidfd_getfd, process, number, 0)); });
}
inline int pidfd_open(pid_t process, unsigned flags) noexcept {
  return through<call::pidfd_open>([&] { return static_cast<int>(::syscall(SYS_pidfd_open, process, flags)); });
}
inline int poll(pollfd* set, nfds_t size, const timespec* timeout) noexcept {
  return through<call::poll>([&] { return ::ppoll(set, size, timeout, nullptr); });
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
  return through<call::recvmsg>([&] { return ::recvmsg(fd, &message, flags); }, &message);
}
inline int sendmmsg(int fd, mmsghdr* headers, unsigned count, int flags) noexcept {
  const messages_asked asked{headers, count};
  return through<call::sendmmsg>([&] { return ::sendmmsg(fd, headers, count, flags); }, &asked);
}
inline ssize_t sendmsg(int fd, const msghdr& message, int flags) noexcept {
  return through<call::sendmsg>([&] { return ::sendmsg(fd, &message, flags); }, &message);
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
inline int socketpair(int type, int ends[2]) noexcept {
  return through<call::socketpair>([&] { return ::socketpair(AF_UNIX, type, 0, ends); }, &type);
}
inline int statfs(const char* path, struct statfs& status) noexcept {
  return through<call::statfs>([&] { return ::statfs(path, &status); });
}
inline int statx(int directory, const char* path, int flags, unsigned mask, struct statx& status) noexcept {
  return through<call::statx>([&] { return ::statx(directory, path, flags, mask, &status); }, &status);
}
inline int unlink(const char* path) noexcept {
  return through<call::unlink>([&] { return ::unlink(path); });
}

}  // namespace scm::sys
