// A tracer that is told an error by any system call of its own: it says so or does without, and in either case nothing
// is left behind, neither a process nor a descriptor, and nobody waits for ever.
#include "support/catch.hpp"
#include "support/every_call.hpp"
#include "support/faults.hpp"

#include <scm/service/tracer.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>

using namespace scm;
using sys::call;

namespace {

struct struck_run {
  int calls = 0;  // of the seam, by this process
  bool started = false;
  bool failed = false;
  std::size_t told = 0;
  std::optional<exit_status> ended;
};

// The `step`th call from the start on fails, by this process and not by the one that becomes the program.
struck_run run_with(int step, int number) {
  struck_run out;
  const pid_t self = ::getpid();
  const test::faults struck{[&](call which, void*, long& result) {
    if (::getpid() != self || ++out.calls != step) return false;
    if (which == call::close || which == call::munmap || which == call::rt_sigprocmask) return false;  // never fail
    result = -1;
    errno = number;
    return true;
  }};
  auto made = tracer::start({.program = TALK_PROGRAM, .arguments = {"stream"}, .no_new_privileges = true}, {});
  out.started = made.has_value();
  if (!made) return out;
  for (;;) {
    const auto one = made->next();
    out.failed = !one;
    if (!one || !*one) break;
    ++out.told;
  }
  out.ended = made->ended();
  return out;
}

bool has_children() {
  siginfo_t how{};
  return ::waitid(P_ALL, 0, &how, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

}  // namespace

TEST_CASE("whatever call of a tracer fails, there is an end, and nothing is left", "[tracer][no-valgrind]") {
  const struck_run clean = run_with(0, 0);
  REQUIRE(clean.told == 5);
  REQUIRE(clean.ended == exit_status{.code = 0});
  ::alarm(100);
  int failures = 0;
  for (int step = 1; step <= clean.calls; ++step) {
    // Not ESRCH, which from ptrace(2) is the word that the thread has ended: its end would never come.
    for (const int number : {EINTR, EMFILE, EPERM, EIO}) {
      INFO("call " << step << " of " << clean.calls << " fails with " << number);
      const struck_run one = run_with(step, number);
      CHECK_FALSE(has_children());
      // An error, or all that there was to tell: what could not be seen is left out.
      if (one.started && !one.failed) CHECK((one.told == 5 && one.ended == exit_status{.code = 0}));
      failures += !one.started || one.failed ? 1 : 0;
    }
  }
  CHECK(failures > 20);
  ::alarm(0);
}
