// A child in hand: how it ended, until when it is waited for, and what becomes of one that nobody waits for.
#include "process/shown.hpp"
#include "support/process.hpp"

#include <sys/ptrace.h>
#include <sys/wait.h>

#include <csignal>

using namespace scm;
using namespace std::chrono_literals;

namespace {

scm::child waiting() {
  return spawn({.program = "/bin/sleep", .arguments = {"1000"}, .input = standard_stream::null()}).value();
}
scm::child exiting(const std::string& code) {
  return spawn({.program = "/bin/sh", .arguments = {"-c", "exit " + code}}).value();
}
bool exists(pid_t pid) { return ::kill(pid, 0) == 0; }

}  // namespace

TEST_CASE("a child's exit status is told, again and again", "[child]") {
  auto one = exiting("7");
  REQUIRE(one.wait() == exit_status{.code = 7});
  CHECK(one.wait() == exit_status{.code = 7});
  CHECK(one.wait(dont_wait) == exit_status{.code = 7});
  CHECK_FALSE(one.wait()->succeeded());
  CHECK(exiting("0").wait()->succeeded());
  CHECK_FALSE(test::has_children());
}

TEST_CASE("the signal that ended a child is told", "[child]") {
  auto one = waiting();
  REQUIRE(one.signal(SIGTERM));
  CHECK(one.wait() == exit_status{.signal = SIGTERM});
  CHECK(one.signal(SIGTERM).error() == std::errc::no_such_process);
  auto another = waiting();
  CHECK(another.signal(1000).error() == std::errc::invalid_argument);
  CHECK(another.signal(0));
}

TEST_CASE("a wait for a child ends at its deadline, and not before", "[child]") {
  auto one = waiting();
  CHECK(one.wait(dont_wait).error() == std::errc::resource_unavailable_try_again);
  const auto start = std::chrono::steady_clock::now();
  CHECK(one.wait(in(50ms)).error() == std::errc::timed_out);
  CHECK(std::chrono::steady_clock::now() - start >= 50ms);
  REQUIRE(one.signal(SIGKILL));
  CHECK(one.wait(in(1min)) == exit_status{.signal = SIGKILL});
}

TEST_CASE("a child that is let go of is killed and reaped", "[child]") {
  pid_t pid = 0;
  {
    const auto one = waiting();
    pid = one.pid();
    CHECK(exists(pid));
  }
  CHECK_FALSE(exists(pid));
  auto first = waiting(), second = waiting();
  pid = first.pid();
  first = std::move(second);
  CHECK_FALSE(exists(pid));
  CHECK(exists(first.pid()));
  scm::child third{std::move(first)};
  CHECK(exists(third.pid()));
  CHECK_FALSE(first);
  CHECK(first.wait().error() == std::errc::bad_file_descriptor);
  CHECK(first.signal(0).error() == std::errc::bad_file_descriptor);
  third = scm::child{};
  CHECK_FALSE(test::has_children());
}

TEST_CASE("a child that is detached runs on", "[child]") {
  auto one = waiting();
  const pid_t pid = one.pid();
  const owned_fd pidfd = one.detach();
  one = scm::child{};
  CHECK(exists(pid));
  scm::child again{owned_fd{::dup(pidfd.native_handle())}, pid};
  REQUIRE(again.signal(SIGKILL));
  CHECK(again.wait() == exit_status{.signal = SIGKILL});
}

TEST_CASE("a copy of a child in a forked process does it no harm", "[child]") {
  auto one = waiting();
  test::child copy{[&] {
    const scm::child taken{std::move(one)};
    return true;
  }};
  CHECK(copy.succeeded());
  CHECK(one.wait(dont_wait).error() == std::errc::resource_unavailable_try_again);
}

TEST_CASE("a child that somebody else has reaped is ECHILD", "[child]") {
  auto one = exiting("3");
  REQUIRE(::waitpid(one.pid(), nullptr, 0) == one.pid());
  CHECK(one.wait().error() == std::errc::no_child_process);
}

TEST_CASE("a program that could not be started tells nobody of its end", "[child]") {
  static volatile sig_atomic_t signals = 0;
  struct sigaction count{}, before{};
  count.sa_handler = [](int) { signals = signals + 1; };
  ::sigaction(SIGCHLD, &count, &before);
  CHECK_FALSE(spawn({.program = "/nowhere"}));
  CHECK(signals == 0);
  CHECK(spawn({.program = "/bin/true"}).value().wait()->succeeded());
  ::sigaction(SIGCHLD, &before, nullptr);
  CHECK(signals == 1);
}
