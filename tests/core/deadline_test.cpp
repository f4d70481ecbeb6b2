// Points in time after which waiting ends: near, past and never.
#include "support/catch.hpp"

#include <scm/core/deadline.hpp>

#include <chrono>

using namespace std::chrono_literals;
using scm::deadline;
using clock_type = std::chrono::steady_clock;

static_assert(clock_type::is_steady);
static_assert(scm::no_deadline == deadline::max());

TEST_CASE("a deadline is as far ahead as asked") {
  for (const std::chrono::nanoseconds span : {0ns, 1ns, std::chrono::nanoseconds{5s}, std::chrono::nanoseconds{24h}}) {
    const auto before = clock_type::now();
    const deadline made = scm::in(span);
    const auto after = clock_type::now();
    CHECK(made >= before + span);
    CHECK(made <= after + span);
  }
  CHECK(scm::in(250ms) < scm::in(10s));
}

TEST_CASE("a deadline past the end of the clock is none and never wraps") {
  CHECK(scm::in(std::chrono::nanoseconds::max()) == scm::no_deadline);
  CHECK(scm::in(std::chrono::nanoseconds::max() - 1ns) == scm::no_deadline);
  const auto room = scm::no_deadline - clock_type::now();
  CHECK(scm::in(room) == scm::no_deadline);  // time has gone on since
  const deadline just_inside = scm::in(room - 1h);
  CHECK(just_inside < scm::no_deadline);
  CHECK(just_inside > clock_type::now());
}

TEST_CASE("a negative span is a deadline that has passed and never the one that does not wait") {
  for (const std::chrono::nanoseconds span : {std::chrono::nanoseconds{-1s}, -1ns, std::chrono::nanoseconds::min()}) {
    const deadline made = scm::in(span);
    const auto after = clock_type::now();
    CHECK(made <= after);
    CHECK(made != scm::dont_wait);
  }
}
