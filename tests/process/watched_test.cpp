// Of a program that is watched somebody is asked about the calls that its filter says, and about no others.
#include "process/shown.hpp"
#include "support/process.hpp"
#include "support/seccomp.hpp"

#include <scm/process/message_filter.hpp>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

using namespace scm;

namespace {

constexpr int answer = -ENOTTY;  // nothing that any of the calls below fails with by itself

struct tried {
  std::string call;  // for tests/process/call.c
  bool asked;
  int otherwise = -EBADF;  // what the kernel answers
};

std::vector<tried> messages() {
  std::vector<tried> all;
  for (const long number : {SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg}) {
    all.push_back({"64:" + std::to_string(number) + ":-1", true});
  }
  all.push_back({"64:" + std::to_string(SYS_sendto) + ":-1", false});
#if defined(__x86_64__)
  for (const char* one : {"32:370:-1", "32:372:-1", "32:345:-1", "32:337:-1", "32:417:-1"}) all.push_back({one, true});
  // socketcall(2): sendmsg, recvmsg, recvmmsg and sendmmsg of it, and send, whose arguments cannot be read.
  for (const char* one : {"32:102:16", "32:102:17", "32:102:19", "32:102:20"}) all.push_back({one, true, -EFAULT});
  all.push_back({"32:102:9", false, -EFAULT});
#endif
  return all;
}

std::vector<std::string> words(const std::vector<tried>& all) {
  std::vector<std::string> made;
  for (const tried& one : all) made.push_back(one.call);
  return made;
}

// A program's standard output, read when the program has ended.
struct caught_output {
  owned_fd in, out;
  caught_output() {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    in.reset(ends[0]);
    out.reset(ends[1]);
  }
  std::vector<int> numbers() {
    out.reset();
    std::string text(4096, '\0');
    const ssize_t size = ::read(in.native_handle(), text.data(), text.size());
    std::istringstream lines{text.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0)))};
    std::vector<int> all;
    for (int one = 0; lines >> one;) all.push_back(one);
    return all;
  }
};

spawn_options calling(const std::vector<std::string>& calls, const caught_output& output) {
  return {.program = CALL_PROGRAM, .arguments = calls, .output = output.out, .no_new_privileges = true};
}

// Answers everything with one error until the program has ended. How many calls were asked about.
std::size_t refuse_everything(borrowed_fd listener) {
  std::size_t asked = 0;
  pollfd set{listener.native_handle(), POLLIN, 0};
  while (::poll(&set, 1, 60'000) == 1 && (set.revents & POLLIN) != 0) {
    seccomp_notif call{};
    if (::ioctl(set.fd, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) break;
    seccomp_notif_resp refusal{.id = call.id, .val = 0, .error = answer, .flags = 0};
    if (::ioctl(set.fd, SECCOMP_IOCTL_NOTIF_SEND, &refusal) != 0) break;
    ++asked;
  }
  return asked;
}

}  // namespace

TEST_CASE("a listener is asked about messages, 64-bit and 32-bit, and about nothing else", "[watched]") {
  NEEDS_SECCOMP();
  const auto all = messages();
  caught_output output;
  auto made = spawn_watched(calling(words(all), output), message_filter(call_watcher::listener).value(),
                            call_watcher::listener);
  REQUIRE(made);
  CHECK(::fcntl(made->listener.native_handle(), F_GETFD) == FD_CLOEXEC);
  const auto asked = refuse_everything(made->listener);
  CHECK(made->process.wait(in(std::chrono::minutes{1})).value().succeeded());
  const auto results = output.numbers();
  REQUIRE(results.size() == all.size());
  std::size_t expected = 0;
  for (std::size_t i = 0; i != all.size(); ++i) {
    INFO(all[i].call);
    CHECK(results[i] == (all[i].asked ? answer : all[i].otherwise));
    expected += all[i].asked ? 1 : 0;
  }
  CHECK(asked == expected);
}

TEST_CASE("under a listener there are no calls of another kind, and no rings", "[watched]") {
  NEEDS_SECCOMP();
  std::vector<std::string> calls{"64:425:0"};  // io_uring_setup(2): EFAULT, or EPERM, where it is there
#if defined(__x86_64__)
  calls.push_back("32:425:0");
  calls.push_back("x32:518:-1");  // sendmsg
  calls.push_back("x32:39:0");    // getpid
#endif
  caught_output output;
  auto made =
      spawn_watched(calling(calls, output), message_filter(call_watcher::listener).value(), call_watcher::listener);
  REQUIRE(made);
  CHECK(refuse_everything(made->listener) == 0);
  CHECK(made->process.wait().value().succeeded());
  CHECK(output.numbers() == std::vector<int>(calls.size(), -ENOSYS));
}

TEST_CASE("what a program was asked about fails when its listener is closed", "[watched]") {
  NEEDS_SECCOMP();
  caught_output output;
  auto made = spawn_watched(calling({"64:" + std::to_string(SYS_sendmsg) + ":-1"}, output),
                            message_filter(call_watcher::listener).value(), call_watcher::listener);
  REQUIRE(made);
  made->listener.reset();
  CHECK(made->process.wait().value().succeeded());
  CHECK(output.numbers() == std::vector<int>{-ENOSYS});
}

TEST_CASE("a tracer finds the program stopped, and sees each message before it is sent", "[watched]") {
  NEEDS_SECCOMP();
  const auto all = messages();
  caught_output output;
  auto made =
      spawn_watched(calling(words(all), output), message_filter(call_watcher::tracer).value(), call_watcher::tracer);
  REQUIRE(made);
  CHECK_FALSE(made->listener);
  const pid_t traced = made->process.pid();
  int status = 0;
  REQUIRE(::waitpid(traced, &status, __WALL) == traced);
  REQUIRE((WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP));
  REQUIRE(::ptrace(PTRACE_SETOPTIONS, traced, nullptr, PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL) == 0);
  std::size_t seen = 0, expected = 0;
  while (::ptrace(PTRACE_CONT, traced, nullptr, nullptr) == 0 && ::waitpid(traced, &status, __WALL | WUNTRACED) > 0 &&
         status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8)) {
    ++seen;
  }
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  (void)made->process.detach();
  const auto results = output.numbers();
  REQUIRE(results.size() == all.size());
  for (std::size_t i = 0; i != all.size(); ++i) {
    INFO(all[i].call);
    CHECK(results[i] == all[i].otherwise);
    expected += all[i].asked ? 1 : 0;
  }
  CHECK(seen == expected);
}

TEST_CASE("a watched program has the descriptors that were named, and no others", "[watched]") {
  NEEDS_SECCOMP();
  const owned_fd disk = test::some_file(), unnamed{::dup(1)};
  const auto filter = message_filter(call_watcher::listener).value();
  caught_output output;
  auto made = spawn_watched(
      {.program = "/bin/sh",
       .arguments = {"-c", "for fd in 0 1 2 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$fd ] || echo $fd; done"},
       .output = output.out,
       .descriptors = {{"disk", disk}},
       .no_new_privileges = true},
      filter, call_watcher::listener);
  REQUIRE(made);
  CHECK(made->process.wait().value().succeeded());
  CHECK(output.numbers() == std::vector<int>{0, 1, 2, 3});
}

TEST_CASE("a filter that is none is refused, and nothing is started", "[watched]") {
  caught_output output;
  const spawn_options options = calling({}, output);
  const auto none = spawn_watched(options, {}, call_watcher::listener);
  REQUIRE_FALSE(none);
  CHECK(none.error().step == spawn_step::filter);
  const std::array<sock_filter, 1> nonsense{{{0xffff, 0, 0, 0}}};
  for (const call_watcher by : {call_watcher::listener, call_watcher::tracer}) {
    const auto refused = spawn_watched(options, nonsense, by);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().step == spawn_step::filter);
    CHECK(refused.error().code == std::errc::invalid_argument);
  }
  CHECK_FALSE(test::has_children());
}

TEST_CASE("where the table has no room for a listener nothing is started", "[watched][no-valgrind]") {
  NEEDS_SECCOMP();
  const auto filter = message_filter(call_watcher::listener).value();
  caught_output output;
  const spawn_options options = calling({}, output);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const owned_fd lowest{::dup(1)};
  // Room for the pidfd and nothing else.
  const rlimit full{static_cast<rlim_t>(lowest.native_handle()) + 2, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &full);
  const auto refused = spawn_watched(options, filter, call_watcher::listener);
  ::setrlimit(RLIMIT_NOFILE, &before);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().step == spawn_step::filter);
  CHECK(refused.error().code == std::errc::too_many_files_open);
  CHECK_FALSE(test::has_children());
}
