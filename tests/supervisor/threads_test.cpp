#include "service/supervisor_live.hpp"
#include "support/catch.hpp"
#include "support/same_file.hpp"
#include "support/skip.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <thread>

using namespace scm;
using namespace scm::test;

namespace {

// A process that has `number` as its own, or any for 0, and sleeps with `file` as its descriptor 0; -1 where that
// cannot be.
pid_t sleeping_with(pid_t number, borrowed_fd file) {
  clone_args how{};
  how.exit_signal = SIGCHLD;
  how.set_tid = number != 0 ? reinterpret_cast<std::uintptr_t>(&number) : 0;
  how.set_tid_size = number != 0 ? 1 : 0;
  const auto made = static_cast<pid_t>(::syscall(SYS_clone3, &how, sizeof how));
  if (made == 0) {
    ::dup2(file.native_handle(), 0);
    for (;;) ::pause();
  }
  return made;
}

void end(pid_t process) {
  ::kill(process, SIGKILL);
  ::waitpid(process, nullptr, 0);
}

// Until the process has it.
result<owned_fd> fetched(detail::live_kernel& kernel, borrowed_fd expected) {
  result<owned_fd> got;
  for (int i = 0; i != 500; ++i) {
    got = kernel.fetch(0);
    if (!got || same_open_file(got->get(), expected)) break;
    ::usleep(2000);
  }
  return got;
}

}  // namespace

TEST_CASE("a number that another process has now is not taken for the one that had it", "[supervisor][no-valgrind]") {
  auto rights = detail::own_rights::ask();
  REQUIRE(rights);
  const owned_fd one{::memfd_create("one", MFD_CLOEXEC)}, two{::memfd_create("two", MFD_CLOEXEC)};
  const owned_fd no_listener{::eventfd(0, EFD_CLOEXEC)};
  detail::live_kernel kernel{no_listener.get(), std::move(*rights)};
  const pid_t first = sleeping_with(0, one.get());
  REQUIRE(first > 0);
  kernel.turn_to(1, first);
  auto got = fetched(kernel, one.get());
  REQUIRE(got);
  CHECK(same_open_file(got->get(), one.get()));
  end(first);
  CHECK(kernel.fetch(0).error() == std::errc::no_such_process);

  const pid_t second = sleeping_with(first, two.get());
  if (second < 0) SCM_SKIP("a process cannot be given its number here");
  REQUIRE(second == first);
  got = fetched(kernel, two.get());
  REQUIRE(got);
  CHECK(same_open_file(got->get(), two.get()));
  CHECK_FALSE(kernel.valid());  // and what was fetched counts for no call that is not there
  end(second);
}

TEST_CASE("a thread's descriptors are those of its own table", "[supervisor][no-valgrind]") {
  auto rights = detail::own_rights::ask();
  REQUIRE(rights);
  const owned_fd no_listener{::eventfd(0, EFD_CLOEXEC)};
  const owned_fd file{::memfd_create("file", MFD_CLOEXEC)};
  detail::live_kernel kernel{no_listener.get(), std::move(*rights)};
  std::atomic<int> number{0}, thread{0};
  std::atomic<bool> done{false};
  std::thread other{[&] {
    const int own = ::unshare(CLONE_FILES) == 0 ? ::dup(file.native_handle()) : -1;
    number = own;
    thread = ::gettid();
    while (!done) std::this_thread::yield();
    ::close(own);
  }};
  while (thread == 0) std::this_thread::yield();
  CHECK(::fcntl(number, F_GETFD) < 0);  // it is not of this table
  kernel.turn_to(1, thread);
  const auto got = kernel.fetch(number);
  CHECK((got || got.error() == std::errc::function_not_supported));
  if (got) CHECK(same_open_file(got->get(), file.get()));
  CHECK(kernel.who().process == ::getpid());
  done = true;
  other.join();
}
