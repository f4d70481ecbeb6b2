// Running part of a test in another process: unprivileged, killed in the middle, or merely somebody else.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

namespace scm::test {

// A forked child that runs `body` and exits with 0 if it returned true. Killed, if need be, and reaped in the end.
class child {
 public:
  template <class Body>
  explicit child(Body body, pid_t (*fork)() = ::fork) {
    std::fflush(nullptr);
    pid_ = fork();
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    bool good = false;
    try {
      good = body();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "in the child: %s\n", e.what());
    }
    ::_exit(good ? 0 : 1);
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    if (pid_ > 0) kill();
  }

  pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }
  void kill() {
    signal(SIGKILL);
    wait();
  }
  // The wait(2) status.
  int wait() {
    int status = -1;
    while (pid_ > 0 && ::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    return status;
  }
  bool succeeded() { return wait() == 0; }

 private:
  pid_t pid_ = -1;
};

// Lowers RLIMIT_NOFILE's soft limit while it lives.
class descriptor_limit {
 public:
  explicit descriptor_limit(rlim_t soft) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lowered{soft, before_.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &lowered);
  }
  descriptor_limit(const descriptor_limit&) = delete;
  descriptor_limit& operator=(const descriptor_limit&) = delete;
  ~descriptor_limit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  // A limit that leaves exactly `slots` numbers free, wherever the open ones are.
  static rlim_t leaving_free(int slots) {
    rlim_t limit = 0;
    for (int free = 0;; ++limit) {
      if (::fcntl(static_cast<int>(limit), F_GETFD) >= 0) continue;
      if (free++ == slots) return limit;
    }
  }

 private:
  rlimit before_{};
};

// Gives up root for good, if it was had. For children only.
inline bool become_nobody() {
  if (::geteuid() != 0) return true;
  constexpr uid_t nobody = 65534;
  return ::setgroups(0, nullptr) == 0 && ::setresgid(nobody, nobody, nobody) == 0 &&
         ::setresuid(nobody, nobody, nobody) == 0;
}

// A user of its own, whose descriptors in flight nobody else counts (kernel fact A13): tests run beside each other. For
// children only.
inline bool become_somebody_else() {
  if (::geteuid() != 0) return true;
  const auto somebody = static_cast<uid_t>(1'000'000'000 + ::getpid());
  if (::setgroups(0, nullptr) == 0 && ::setresgid(somebody, somebody, somebody) == 0 &&
      ::setresuid(somebody, somebody, somebody) == 0) {
    return true;
  }
  return become_nobody();  // where such a user is not mapped
}

}  // namespace scm::test
