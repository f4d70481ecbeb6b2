#include "child_process.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace demo {

outcome<child_process> child_process::hold(pid_t child) {
  child_process held{child};
  held.fd_.reset(static_cast<int>(syscall(SYS_pidfd_open, child, 0)));  // close-on-exec by itself
  if (!held.fd_) return failed("watch the child (pidfd_open, Linux 5.3)");
  return held;
}

child_process::~child_process() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  (void)wait();
}

std::string child_process::wait() noexcept {
  const pid_t child = std::exchange(pid_, -1);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return "is gone";
  }
  if (WIFSIGNALED(status)) return fmt::format("was killed by signal {}", WTERMSIG(status));
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

}  // namespace demo
