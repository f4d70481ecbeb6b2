#include "machine.hpp"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace bench {

void pin() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    throw std::system_error{errno, std::system_category(), "ask which CPUs there are"};
  }
  int last = CPU_SETSIZE - 1;  // the first ones serve most interrupts
  while (last > 0 && !CPU_ISSET(last, &allowed)) --last;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(last, &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0) {
    throw std::system_error{errno, std::system_category(), "pin this process to one CPU"};
  }
}

void raise_priority() noexcept { setpriority(PRIO_PROCESS, 0, -20); }

std::size_t raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (geteuid() == 0) return SIZE_MAX;  // the kernel counts, but does not refuse (A14)
  return limit.rlim_cur > SIZE_MAX ? SIZE_MAX : static_cast<std::size_t>(limit.rlim_cur);
}

void limit_lifetime(std::chrono::seconds time) noexcept {
  struct sigaction action{};
  action.sa_handler = [](int) {
    constexpr std::string_view text = "scm_bench: something hangs; given up\n";
    [[maybe_unused]] const ssize_t size = write(STDERR_FILENO, text.data(), text.size());
    _exit(1);
  };
  sigaction(SIGALRM, &action, nullptr);
  alarm(static_cast<unsigned>(time.count()));
}

}  // namespace bench
