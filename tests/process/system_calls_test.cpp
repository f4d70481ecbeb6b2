// Under a filter a process makes the calls that were allowed, and no others.
#include "process/confined.hpp"
#include "support/sanitized.hpp"
#include "support/seccomp.hpp"

#include <scm/batch.hpp>
#include <scm/channel.hpp>
#include <scm/process.hpp>
#include <scm/process/system_calls.hpp>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

// The same, and what sanitizers call for themselves.
allowed_calls with_sanitizers([[maybe_unused]] allowed_calls allowed) {
#if SCM_SANITIZED
  for (const char* name :
       {"futex", "gettid", "madvise", "mremap", "rt_sigaction", "rt_sigprocmask", "sched_yield", "sigaltstack"}) {
    allowed.calls.emplace_back(name);
  }
  allowed.groups.insert(call_group::memory);
#endif
  return allowed;
}

// How a child ended that did something under a filter: 0 when it did it.
int status_under(const allowed_calls& allowed, const std::function<bool()>& act) {
  lone_child apart{[&]() -> bool {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    if (!allow_only(with_sanitizers(allowed))) ::_exit(2);
    ::_exit(act() ? 0 : 1);
  }};
  return apart.wait();
}

bool was_killed(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS; }

bool getppid_works() { return ::getppid() > 0; }

}  // namespace

TEST_CASE("what is allowed works, and everything else ends the process", "[seccomp]") {
  NEEDS_SECCOMP();
  CHECK(status_under({.calls = {"getppid"}}, getppid_works) == 0);
  CHECK(status_under({.calls = {SYS_getppid}}, getppid_works) == 0);
  CHECK(was_killed(status_under({.calls = {"getpid"}}, getppid_works)));
  CHECK(was_killed(status_under({.groups = {}}, [] { return true; })));  // exit_group, too
}

TEST_CASE("a denied call returns the error that was chosen", "[seccomp]") {
  NEEDS_SECCOMP();
  for (const int error : {EPERM, ENOSYS, 4094}) {
    CHECK(status_under({.error = error}, [=] { return ::syscall(SYS_getppid) == -1 && errno == error; }) == 0);
  }
  CHECK(status_under({.error = EPERM}, [] { return error_of_opening("/etc/passwd") == EPERM; }) == 0);
}

TEST_CASE("what is no call is said, with its place, and nothing is filtered", "[seccomp]") {
  const std::vector<system_call> wrong{"no_such_call",
                                       "",
                                       std::string_view{"getpid\0x", 8},
                                       "a_name_that_is_longer_than_any_system_call_has_or_will_ever_have_in_linux",
                                       -1,
                                       0x40000001};
  for (const system_call& one : wrong) {
    INFO(one.name() << one.number());
    const auto failed = allow_only({.calls = {"read", "write", one}});
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code == std::errc::invalid_argument);
    CHECK(failed.error().step == filter_step::call);
    CHECK(failed.error().position == 2);
  }
  for (const int error : {-1, 4095}) {
    const auto failed = allow_only({.error = error});
    REQUIRE_FALSE(failed);
    CHECK(failed.error().code == std::errc::invalid_argument);
    CHECK(failed.error().step == filter_step::build);
  }
  CHECK(own_status{}["Seccomp"] == "0");
}

TEST_CASE("a call of another machine is left out, and one that is named twice is allowed once", "[seccomp]") {
  NEEDS_SECCOMP();
  CHECK(
      status_under({.groups = {call_group::ending, call_group::memory},
                    .calls = {"mmap2", "socketcall", "riscv_flush_icache", "getppid", "getppid", SYS_getppid, "mmap"}},
                   getppid_works) == 0);
}

TEST_CASE("calls of the other kinds that the processor has end the process, whatever is returned for denied ones",
          "[seccomp]") {
  NEEDS_SECCOMP();
#if defined(__x86_64__)
  const auto by_32_bits = [] {
    long number = 64;  // getppid
    asm volatile("int $0x80" : "+a"(number) : : "memory", "r8", "r9", "r10", "r11");
    return number > 0;
  };
  lone_child unfiltered{by_32_bits};
  for (const int error : {0, EPERM}) {
    // The 32-bit getppid has the number of a 64-bit semget: allowed or not, it must not be taken for that.
    const allowed_calls allowed{.calls = {"getppid", "semget"}, .error = error};
    CHECK(was_killed(status_under(allowed, [] { return ::syscall(0x40000000L | SYS_getppid) != 0; })));
    CHECK(status_under(allowed, getppid_works) == 0);
  }
  if (!unfiltered.succeeded()) SCM_SKIP("this kernel makes no 32-bit calls");
  for (const int error : {0, EPERM}) {
    CHECK(was_killed(status_under({.calls = {"getppid", "semget"}, .error = error}, by_32_bits)));
  }
#else
  SCM_SKIP("written for x86-64");
#endif
}

TEST_CASE("no privilege is needed, and none can be had afterwards", "[seccomp]") {
  NEEDS_SECCOMP();
  lone_child apart{[] {
    HOLDS(become_nobody());
    HOLDS(confine({.access = {}}));
    const own_status status;
    HOLDS(allow_only(with_sanitizers({.groups = {call_group::ending, call_group::files}})));
    HOLDS(status["NoNewPrivs"] == "1");
    HOLDS(status["Seccomp"] == "2");
    ::_exit(0);
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("a filter holds for every thread, those that were there before as well", "[seccomp]") {
  NEEDS_SECCOMP();
  lone_child apart{[] {
    std::atomic<bool> running{false}, filtered{false};
    std::atomic<int> seen{-1};
    std::thread other{[&] {
      running = true;
      while (!filtered.load()) std::this_thread::yield();
      seen = ::syscall(SYS_getppid) == -1 ? errno : 0;
      for (;;) std::this_thread::yield();
    }};
    while (!running.load()) std::this_thread::yield();  // what starting takes is not allowed
    HOLDS(allow_only(with_sanitizers(
        {.groups = {call_group::ending, call_group::memory}, .calls = {"sched_yield"}, .error = EUCLEAN})));
    filtered = true;
    while (seen == -1) std::this_thread::yield();  // futex(2) is not allowed
    ::_exit(seen == EUCLEAN ? 0 : 1);
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("a further filter takes away and never gives", "[seccomp]") {
  NEEDS_SECCOMP();
  const int status = status_under({.calls = {"getpid", "getppid", "seccomp", "prctl", "brk", "mmap", "munmap"}}, [] {
    return allow_only(with_sanitizers({.calls = {"getppid", "getuid"}, .error = EPERM})) && ::getppid() > 0 &&
           ::syscall(SYS_getpid) == -1 && errno == EPERM;
  });
  CHECK(status == 0);
  CHECK(was_killed(status_under({.calls = {"seccomp", "prctl", "brk", "mmap", "munmap"}}, [] {
    (void)allow_only(with_sanitizers({.calls = {"getppid"}, .error = EPERM}));
    return getppid_works();
  })));
}

TEST_CASE("where the kernel takes no filter it is said", "[seccomp]") {
  NEEDS_SECCOMP();
  const int status = status_under({.calls = {"brk", "mmap", "munmap", "prctl"}, .error = EACCES}, [] {
    const auto failed = allow_only({});
    return !failed && failed.error().code == std::errc::permission_denied && failed.error().step == filter_step::load;
  });
  CHECK(status == 0);
}

TEST_CASE("memory is never executable under its group", "[seccomp]") {
  NEEDS_SECCOMP();
  const allowed_calls allowed{.groups = {call_group::ending, call_group::memory}, .error = EPERM};
  const auto mapping = [](int protection) {
    void* const start = ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return start == MAP_FAILED ? nullptr : start;
  };
  CHECK(status_under(allowed, [&] {
          void* const start = mapping(PROT_READ | PROT_WRITE);
          return start != nullptr && mapping(PROT_READ | PROT_EXEC) == nullptr && errno == EPERM &&
                 ::mprotect(start, 4096, PROT_READ) == 0 && ::mprotect(start, 4096, PROT_READ | PROT_EXEC) != 0 &&
                 errno == EPERM && std::make_unique<std::array<char, 1 << 20>>() != nullptr;
        }) == 0);
}

TEST_CASE("each group is enough for what it is for, and a process that has it alone", "[seccomp]") {
  NEEDS_SECCOMP();
  struct use {
    call_groups groups;
    std::function<bool()> act;
  };
  auto [left, right] = seqpacket::pair().value();
  auto [quiet, silent] = datagram::pair().value();
  const owned_fd file = open_to("/etc/passwd", O_RDONLY);
  auto server = listener<stream>::bind(address::autobind()).value();
  auto client = stream::connect(server.local_address().value()).value();
  auto batch = receive_batch::make(4, 8, 2).value();
  auto outgoing = send_batch::make(4, 1).value();
  std::array<std::byte, 64> buffer;
  const auto arm = [&] { REQUIRE(left.send("x", {file, file})); };
  const expectation regular{.kinds = descriptor_kind::regular_file, .size = size_range{}};
  const expectation two[]{regular, regular};

  const std::vector<use> uses{
      {call_group::receiving,
       [&] {
         const auto got = right.receive(buffer, 2, {.until = in(1min)});
         return got && got->descriptors.size() == 2 &&
                right.receive(buffer, 2, {.until = in(1ms), .reserve = 3}).error() == std::errc::timed_out &&
                silent.receive(buffer, 0, {.until = in(1ms)}).error() == std::errc::timed_out;
       }},
      {call_group::receiving,
       [&] {
         if (batch.receive(right, {.until = in(1min)}).value_or(0) != 1) return false;
         batch.clear();
         return batch.receive(right, {.until = in(1ms)}).error() == std::errc::timed_out;
       }},
      {call_group::sending,
       [&] {
         if (!right.send("y", {file}) || !outgoing.add("z", {file}) || !outgoing.send(right)) return false;
         while (right.send("y", {}, {.until = in(1ms)})) {
         }
         return right.send("y", {}, {.until = in(1ms)}).error() == std::errc::timed_out;
       }},
      {{call_group::receiving, call_group::admitting},
       [&] {
         const auto got = right.receive(buffer, two, {.until = in(1min)});
         return got && got->descriptors.size() == 2;
       }},
      {{call_group::accepting, call_group::receiving},
       [&] {
         const auto accepted = server.accept(in(1min));
         return accepted && accepted->peer().process.value && server.accept(in(1ms)).error() == std::errc::timed_out;
       }},
      {call_group::files, [&] {
         char byte = 0;
         struct stat status{};
         return ::pread(file.native_handle(), &byte, 1, 0) == 1 && ::fstat(file.native_handle(), &status) == 0 &&
                ::lseek(file.native_handle(), 0, SEEK_SET) == 0;
       }}};
  for (std::size_t i = 0; i != uses.size(); ++i) {
    INFO("use " << i);
    arm();
    call_groups groups = uses[i].groups;
    groups.insert(call_group::ending);
    CHECK(status_under({.groups = groups}, uses[i].act) == 0);
    while (right.try_receive(buffer, 2)) {
    }
    CHECK(was_killed(status_under({}, uses[i].act)));
    CHECK(was_killed(status_under({.groups = groups}, [] { return error_of_opening("/etc/passwd") == 0; })));
  }

  lone_child parent{[] {
    const rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    auto asleep = spawn({.program = "/bin/sleep", .arguments = {"1000"}, .parent_death_signal = SIGKILL}).value();
    HOLDS(allow_only(with_sanitizers({.groups = {call_group::ending, call_group::children}})));
    ::_exit(asleep.wait(in(1ms)).error() == std::errc::timed_out && asleep.signal(SIGKILL) && asleep.wait(in(1min))
                ? 0
                : 1);
  }};
  CHECK(parent.succeeded());
}
