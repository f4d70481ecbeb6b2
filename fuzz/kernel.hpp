// What the targets that ask the kernel share: a pair of sockets, descriptors of several kinds, and a leak check.
#pragma once

#include "check.hpp"

#include <scm/core/control_items.hpp>
#include <scm/core/fd.hpp>

#include <fcntl.h>
#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <span>
#include <system_error>
#include <utility>

namespace scm::fuzz_support {

inline owned_fd must(int number) {
  FUZZ_CHECK(number >= 0);
  return owned_fd{number};
}

// A copy with a number far from those that the kernel gives to what is received, so that the two cannot be mixed up.
inline owned_fd out_of_the_way(owned_fd fd) { return must(::fcntl(fd.native_handle(), F_DUPFD_CLOEXEC, 200)); }

inline std::pair<owned_fd, owned_fd> socket_pair(int type) {
  int ends[2];
  FUZZ_CHECK(::socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
  return {out_of_the_way(owned_fd{ends[0]}), out_of_the_way(owned_fd{ends[1]})};
}

// sendmsg(2), without waiting: the bytes taken, or -1 and errno.
inline ssize_t send_raw(borrowed_fd through, std::span<const char> bytes, std::span<const std::byte> control) {
  iovec data{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = const_cast<std::byte*>(control.data());
  message.msg_controllen = control.size();
  return ::sendmsg(through.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

inline constexpr std::array socket_types{SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

// Open descriptors to send, each of its own kind and inode.
class things_to_send {
 public:
  things_to_send() {
    int ends[2];
    FUZZ_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
    add(ends[0]);
    add(ends[1]);
    add(::memfd_create("fuzz", MFD_CLOEXEC));
    add(::open("/dev/null", O_RDWR | O_CLOEXEC));
    add(::open("/", O_PATH | O_CLOEXEC));
    add(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    add(::memfd_create("fuzz", MFD_CLOEXEC));
    add(::memfd_create("fuzz", MFD_CLOEXEC));
  }
  static constexpr std::size_t size = 8;
  borrowed_fd operator[](std::size_t i) const noexcept { return all_[i % size].get(); }

  // Whether `fd` is the same file as thing `i`; the two ends of the pipe are one.
  bool is(std::size_t i, borrowed_fd fd) const {
    struct stat mine{}, theirs{};
    return ::fstat((*this)[i].native_handle(), &mine) == 0 && ::fstat(fd.native_handle(), &theirs) == 0 &&
           mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino;
  }

 private:
  void add(int number) { all_[count_++] = out_of_the_way(must(number)); }
  std::array<owned_fd, size> all_;
  std::size_t count_ = 0;
};

inline const things_to_send& things() {
  static const things_to_send all;
  return all;
}

// The very error, said before the process ends.
inline void check_code(const std::error_code& got, const std::error_code& expected) {
  if (got == expected) return;
  std::fprintf(stderr, "got: %s; expected: %s\n", got.message().c_str(), expected.message().c_str());
  FUZZ_CHECK(got == expected);
}
inline std::error_code system_error(int number) { return {number, std::system_category()}; }

// A descriptor that the kernel does not pass (kernel fact A8); empty where io_uring is switched off.
inline owned_fd io_uring() {
  io_uring_params parameters{};
  owned_fd ring{static_cast<int>(::syscall(SYS_io_uring_setup, 1, &parameters))};
  return ring ? out_of_the_way(std::move(ring)) : std::move(ring);
}

inline constexpr std::size_t unlimited = 999;

// Leaves so many slots of the descriptor table free, while it lives.
class table_limit {
 public:
  explicit table_limit(std::size_t free) {
    if (free == unlimited) return;
    FUZZ_CHECK(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    // Looked for each time: libFuzzer opens descriptors of its own, such as those of a symbolizer.
    int number = 0;
    for (std::size_t left = free + 1; left != 0; ++number) {
      if (::fcntl(number, F_GETFD) < 0) --left;
    }
    const rlimit lowered{static_cast<rlim_t>(number - 1), before_.rlim_max};
    FUZZ_CHECK(::setrlimit(RLIMIT_NOFILE, &lowered) == 0);
    lowered_ = true;
  }
  table_limit(const table_limit&) = delete;
  ~table_limit() {
    if (lowered_) FUZZ_CHECK(::setrlimit(RLIMIT_NOFILE, &before_) == 0);
  }

 private:
  rlimit before_{};
  bool lowered_ = false;
};

// The lowest free number: what leaks takes it, so that it is another one afterwards.
inline int lowest_free() {
  const int number = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  FUZZ_CHECK(number >= 0);
  ::close(number);
  return number;
}

// Stands at the top of a target's body: nothing it installs may be left.
class leak_check {
 public:
  leak_check() = default;
  leak_check(const leak_check&) = delete;
  ~leak_check() { FUZZ_CHECK(lowest_free() == before_); }

 private:
  int before_ = lowest_free();
};

}  // namespace scm::fuzz_support
