// Test cases that misbehave on purpose, each hidden behind a tag of its own; selftest.sh says what each must cause.
#include "support/allocation_count.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <new>
#include <thread>
#include <vector>

namespace {

struct alignas(64) cache_line {
  char bytes[64];
};

void allocate_a_thousand() {
  std::vector<std::unique_ptr<char[]>> kept;
  for (std::size_t i = 0; i != 1000; ++i) kept.push_back(std::make_unique<char[]>(1 + i * 97 % 3000));
}

}  // namespace

TEST_CASE("a test that opens and closes", "[clean]") {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  CHECK(::close(fd) == 0);
}

TEST_CASE("a name; with a semicolon, a comma, [brackets], a \\ and \"quotes\"", "[clean]") { SUCCEED(); }

TEST_CASE("--option is a name, too", "[clean]") { SUCCEED(); }

TEST_CASE("a test that leaks", "[.leaks]") { REQUIRE(::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0); }

TEST_CASE("a test that closes what is not its own", "[.closes]") { CHECK(::close(STDIN_FILENO) == 0); }

TEST_CASE("a test that puts another file behind a number", "[.replaces]") {
  const int fd = ::open("/dev/full", O_RDONLY);
  REQUIRE(fd >= 0);
  CHECK(::dup2(fd, STDIN_FILENO) == STDIN_FILENO);
  CHECK(::close(fd) == 0);
}

TEST_CASE("a test that changes a close-on-exec flag", "[.exec]") {
  CHECK(::fcntl(STDIN_FILENO, F_SETFD, ::fcntl(STDIN_FILENO, F_GETFD) ^ FD_CLOEXEC) == 0);
}

TEST_CASE("a test that changes a status flag", "[.status]") {
  CHECK(::fcntl(STDIN_FILENO, F_SETFL, ::fcntl(STDIN_FILENO, F_GETFL) ^ O_NONBLOCK) == 0);
}

TEST_CASE("a test that is skipped", "[.skips]") { SCM_SKIP("for no reason"); }

TEST_CASE("a test that fails and is skipped", "[.fails_and_skips]") {
  CHECK(false);
  SCM_SKIP("too late");
}

TEST_CASE("a test that fails four times", "[.fails]") {
  for (int i = 0; i != 4; ++i) CHECK(i < 0);
}

TEST_CASE("a test that leaks and is skipped", "[.leaks_and_skips]") {
  CHECK(::open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
  SCM_SKIP("too late");
}

TEST_CASE("what is forked beside threads that allocate can allocate", "[allocation]") {
  std::atomic<bool> enough{false};
  std::vector<std::thread> threads;
  for (int i = 0; i != 3; ++i) {
    threads.emplace_back([&] {
      while (!enough) allocate_a_thousand();
    });
  }
  int held_up = 0;
  for (int i = 0; i != 200 && held_up == 0; ++i) {
    scm::test::child forked{[] {
      ::alarm(10);
      allocate_a_thousand();
      return true;
    }};
    if (!forked.succeeded()) ++held_up;
  }
  enough = true;
  for (std::thread& one : threads) one.join();
  CHECK(held_up == 0);
}

TEST_CASE("every form of operator new is counted once", "[allocation]") {
  const scm::test::allocation_count allocations;
  CHECK(allocations.so_far() == 0);
  const auto counts_one = [&](auto&& allocate) {
    const auto before = allocations.so_far();
    const auto memory = allocate();
    const void* used = memory.get();
    asm volatile("" : : "r"(used) : "memory");  // or the optimiser may leave the allocation out
    return allocations.so_far() - before == 1;
  };
  CHECK(counts_one([] { return std::make_unique<long>(1); }));
  CHECK(counts_one([] { return std::make_unique<long[]>(100); }));
  CHECK(counts_one([] { return std::make_unique<cache_line>(); }));
  CHECK(counts_one([] { return std::make_unique<cache_line[]>(3); }));
  CHECK(counts_one([] { return std::unique_ptr<long>(new (std::nothrow) long(1)); }));
  CHECK(counts_one([] { return std::unique_ptr<cache_line[]>(new (std::nothrow) cache_line[3]); }));
}
