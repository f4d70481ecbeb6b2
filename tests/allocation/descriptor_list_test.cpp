// Lists of descriptors and memory: the common path takes none, and having none loses no descriptor.
#include "support/allocation_count.hpp"
#include "support/allocation_failure.hpp"
#include "support/catch.hpp"
#include "support/witness.hpp"

#include <scm/core/descriptor_list.hpp>

#include <system_error>
#include <utility>

using scm::descriptor_list;
using scm::test::allocation_count;
using scm::test::allocation_failure;
using scm::test::witness;

namespace {

constexpr std::size_t inline_slots = 33;

bool adopt_refused(descriptor_list& list, std::size_t slots) {
  for (std::size_t i = 0; i != slots; ++i) {
    if (!list.adopt(-13)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("33 slots take no memory") {
  const allocation_count allocations;
  descriptor_list list;
  const bool room = list.reserve(inline_slots).has_value();
  const bool adopted = adopt_refused(list, inline_slots);
  descriptor_list moved{std::move(list)};
  list = std::move(moved);
  CHECK(allocations.so_far() == 0);
  CHECK(room);
  CHECK(adopted);
  CHECK(list.size() == inline_slots);
}

TEST_CASE("a list whose memory was moved away holds 33 slots without any") {
  descriptor_list source;
  REQUIRE(source.reserve(254));
  const descriptor_list moved{std::move(source)};
  descriptor_list other;
  REQUIRE(other.reserve(254));
  descriptor_list assigned;
  assigned = std::move(other);

  const allocation_count allocations;
  const bool adopted = adopt_refused(source, inline_slots) && adopt_refused(other, inline_slots);
  CHECK(allocations.so_far() == 0);
  CHECK(adopted);
}

TEST_CASE("adopting never takes memory") {
  descriptor_list list;
  const allocation_count before;
  REQUIRE(list.reserve(254));
  CHECK(before.so_far() > 0);
  const allocation_count allocations;
  const bool adopted = adopt_refused(list, 254);
  bool spilled = false;
  while (!spilled) spilled = !list.adopt(-13);
  CHECK(allocations.so_far() == 0);
  CHECK(adopted);
}

TEST_CASE("without memory room is refused and every descriptor stays owned") {
  witness first, second;
  descriptor_list list;
  REQUIRE(list.adopt(first.give()));
  const auto room = [&] {
    const allocation_failure no_memory;
    return list.reserve(254);
  }();
  REQUIRE_FALSE(room.has_value());
  CHECK(room.error() == std::errc::not_enough_memory);
  CHECK(list.size() == 1);
  CHECK(first.is(list[0]));
  REQUIRE(list.reserve(254));
  REQUIRE(list.adopt(second.give()));
  CHECK(first.is(list[0]));
  list.clear();
  CHECK(first.closed());
  CHECK(second.closed());
}
