// Events: counted, waited for within a deadline, and never a wait for whoever shares them.
#include "inspect/made.hpp"
#include "support/catch.hpp"

#include <scm/process/event.hpp>

#include <sys/eventfd.h>

#include <cstdint>
#include <limits>
#include <thread>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

TEST_CASE("what was signalled is taken once, however the open file is set to wait") {
  for (const int flags : {0, static_cast<int>(EFD_NONBLOCK)}) {
    auto one = event::adopt(made(::eventfd(0, EFD_CLOEXEC | flags))).value();
    CHECK(one.take(dont_wait).error() == std::errc::resource_unavailable_try_again);
    CHECK(one.take(in(10ms)).error() == std::errc::timed_out);
    for (int i = 0; i != 3; ++i) REQUIRE(one.signal());
    CHECK(one.take().value() == 3);
    CHECK(one.take(dont_wait).error() == std::errc::resource_unavailable_try_again);
  }
}

TEST_CASE("a signal ends a wait") {
  auto one = event::make().value();
  CHECK(described(one.fd()).close_on_exec);
  std::jthread other{[&] {
    std::this_thread::sleep_for(5ms);
    (void)one.signal();
  }};
  CHECK(one.take().value() == 1);
}

TEST_CASE("a full count is told, not waited for") {
  auto one = event::adopt(made(::eventfd(0, EFD_CLOEXEC))).value();
  const std::uint64_t full = std::numeric_limits<std::uint64_t>::max() - 1;
  REQUIRE(::write(one.fd().native_handle(), &full, sizeof full) == sizeof full);
  CHECK(one.signal().error() == std::errc::resource_unavailable_try_again);
  CHECK(one.take().value() == full);
  CHECK(one.signal());
}

TEST_CASE("what is no event is refused and left with the caller") {
  owned_fd null = opened("/dev/null", O_RDWR);
  const auto refused = event::adopt(std::move(null));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().text().view() == "descriptor 0 is character_device, not eventfd");
  CHECK(null);
  CHECK(event{}.signal().error() == std::errc::bad_file_descriptor);
  CHECK(event{}.take().error() == std::errc::bad_file_descriptor);
}
