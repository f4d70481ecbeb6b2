// A supervisor of which each system call fails: a program's call fails, or the program ends, and nothing is left.
#include "support/catch.hpp"
#include "support/descriptor_table.hpp"
#include "support/faults.hpp"

#include <scm/service/supervisor.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <future>
#include <span>
#include <string_view>
#include <thread>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

struct session {
  int calls = 0;  // that the supervisor made once the program had been started
  bool late = false;
  std::error_code ended{};
  exit_status status{};
};

// Supervises a program that passes descriptors, and waits. `disturb` is asked at each call, with how many there were
// and the program; it can answer in the kernel's place.
template <class Disturb>
session supervised(const char* what, Disturb disturb) {
  session seen;
  std::atomic<bool> disturbed{false};
  owned_fd running;
  const std::thread::id here = std::this_thread::get_id();
  const faults installed{[&](sys::call which, void*, long& result) {
    // What closes cannot fail in a way that matters, and what ends a program must not.
    if (!disturbed || std::this_thread::get_id() != here || which == sys::call::close ||
        which == sys::call::close_range || which == sys::call::waitid || which == sys::call::pidfd_send_signal) {
      return false;
    }
    return disturb(++seen.calls, borrowed_fd{running}, result);
  }};
  spawn_options program{.program = SUPERVISED_ACTOR, .arguments = {what, "1"}};
  program.output = standard_stream::null();
  program.error = standard_stream::null();
  supervisor_options options;
  options.judge = [](const supervised_message&) { return message_verdict{}; };
  auto made = supervisor::start(program, options);
  if (!made) FAIL(made.error().code.message() << ", " << text_of(made.error().step));
  running.reset(::fcntl(made->program().pidfd().native_handle(), F_DUPFD_CLOEXEC, 0));
  std::promise<void> done;
  std::thread patience{[&, until = done.get_future()] {
    if (until.wait_for(20s) == std::future_status::ready) return;
    seen.late = true;
    disturbed = false;
    made->stop();
  }};
  disturbed = true;
  const auto ended = made->run();
  disturbed = false;
  done.set_value();
  patience.join();
  if (ended) {
    seen.status = *ended;
  } else {
    seen.ended = ended.error();
  }
  CHECK(made->statistics().pending == 0);
  return seen;
}

session supervised_while_failing(const char* what, int first, int last, int number) {
  return supervised(what, [=](int call, borrowed_fd, long& result) {
    if (call < first || call > last) return false;
    result = -1;
    errno = number;
    return true;
  });
}

}  // namespace

TEST_CASE("whichever call of a supervisor fails, its program comes to an end and nothing is left open",
          "[supervisor][no-valgrind]") {
  static constexpr int numbers[] = {EIO, ENOMEM, EMFILE, EPERM, ESRCH};
  // The second waits, a fifth of a second each time: of it one error for each call.
  for (const char* what : {"pass", "many"}) {
    INFO(what);
    const session clean = supervised_while_failing(what, 0, 0, 0);
    REQUIRE(clean.calls > 20);
    const bool waits = std::string_view{what} == "many";
    for (int nth = 1; nth <= std::min(clean.calls, 80); ++nth) {
      for (const int number :
           waits ? std::span{numbers}.subspan(static_cast<std::size_t>(nth) % 5, 1) : std::span{numbers}) {
        INFO("call " << nth << " of " << clean.calls << " fails with " << number);
        const descriptor_table before = descriptor_table::now();
        CHECK_FALSE(supervised_while_failing(what, nth, nth, number).late);
        CHECK(descriptor_table::now() == before);
      }
    }
  }
}

TEST_CASE("whichever call of a supervisor fails with all that follow, it ends", "[supervisor][no-valgrind]") {
  const session clean = supervised_while_failing("pass", 0, 0, 0);
  for (int nth = 1; nth <= clean.calls; ++nth) {
    INFO("from call " << nth << " of " << clean.calls);
    const descriptor_table before = descriptor_table::now();
    CHECK_FALSE(supervised_while_failing("pass", nth, 1 << 30, EIO).late);
    CHECK(descriptor_table::now() == before);
  }
}

TEST_CASE("a program that is killed at any call of its supervisor leaves nothing, and keeps nobody",
          "[supervisor][no-valgrind]") {
  const char* const asked = std::getenv("SCM_KILLED");
  const int times = asked != nullptr ? std::atoi(asked) : 1;
  for (const char* what : {"pass", "many"}) {
    INFO(what);
    const session clean = supervised_while_failing(what, 0, 0, 0);
    REQUIRE(clean.status.succeeded());
    int tried = 0, died = 0;
    for (int nth = 1; nth <= clean.calls; ++nth) {
      if (asked == nullptr && nth > 40 && nth + 40 < clean.calls) continue;  // while it waits they are the same
      for (int time = 0; time != times; ++time) {
        INFO("killed at call " << nth << " of " << clean.calls << ", time " << time);
        const descriptor_table before = descriptor_table::now();
        bool killed = false;
        const session seen = supervised(what, [&](int call, borrowed_fd program, long&) {
          if (call != nth) return false;
          killed = ::syscall(SYS_pidfd_send_signal, program.native_handle(), SIGKILL, nullptr, 0) == 0;
          pollfd end{program.native_handle(), POLLIN, 0};
          if ((nth + time) % 2 == 0) (void)::poll(&end, 1, 5000);  // dead before the call, or dying beside it
          return false;
        });
        CHECK_FALSE(seen.late);
        CHECK_FALSE(seen.ended);
        // With threads that end in another order, a session can be done before that call.
        if (killed) CHECK((seen.status.signal == SIGKILL || seen.status.succeeded()));
        ++tried;
        died += seen.status.signal == SIGKILL ? 1 : 0;
        CHECK(descriptor_table::now() == before);
      }
    }
    CHECK(died * 3 > tried);
  }
}
