// One open descriptor of every kind that a test machine offers, to see that each arrives as what it was.
#pragma once

#include <scm/core/fd.hpp>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

namespace scm::test {

struct example {
  std::string kind;
  owned_fd fd;
};

// An unlinked file with a few bytes in it, read-write.
inline owned_fd scratch_file() {
  char path[] = "/tmp/scm-test-XXXXXX";
  owned_fd file{::mkostemp(path, O_CLOEXEC)};
  ::unlink(path);
  if (::pwrite(file.native_handle(), "scratch", 7, 0) != 7) std::abort();
  return file;
}

inline std::vector<example> one_of_each_kind() {
  std::vector<example> all;
  const auto add = [&](const char* kind, int number) { all.push_back({kind, owned_fd{number}}); };
  add("regular file", scratch_file().release());
  add("directory", ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  add("path handle", ::open("/etc/passwd", O_PATH | O_CLOEXEC));
  add("device", ::open("/dev/null", O_RDWR | O_CLOEXEC));
  add("memfd", ::memfd_create("scm-test", MFD_CLOEXEC));
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) == 0) {
    add("pipe, reading", ends[0]);
    add("pipe, writing", ends[1]);
  }
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) {
    add("connected unix socket", ends[0]);
    add("its peer", ends[1]);
  }
  add("inet socket", ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  add("eventfd", ::eventfd(0, EFD_CLOEXEC));
  add("timerfd", ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
  sigset_t none;
  sigemptyset(&none);
  add("signalfd", ::signalfd(-1, &none, SFD_CLOEXEC));
  add("epoll", ::epoll_create1(EPOLL_CLOEXEC));
  add("inotify", ::inotify_init1(IN_CLOEXEC));
  add("pidfd", static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  add("terminal", ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  return all;
}

}  // namespace scm::test
