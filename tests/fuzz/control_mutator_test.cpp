// The mutator: within its room, the same for the same seed, and making things that a parser has to look at.
#include "support/catch.hpp"

#include <scm/core/control_view.hpp>
#include <scm/fuzz/control_mutator.hpp>
#include <scm/fuzz/input.hpp>

#include <algorithm>
#include <set>
#include <vector>

using scm::abi;
using scm::control_view;
namespace fuzz = scm::fuzz;

namespace {

using bytes = std::vector<std::uint8_t>;

bytes generated(abi layout, std::uint64_t seed, std::size_t room = 512) {
  bytes made(room);
  made.resize(fuzz::control_mutator{layout, seed}.generate(made));
  return made;
}
bytes mutated(abi layout, std::uint64_t seed, bytes from, std::size_t room = 512) {
  const std::size_t size = from.size();
  from.resize(room);
  from.resize(fuzz::control_mutator{layout, seed}.mutate(from, size));
  return from;
}
bool well_formed(const bytes& control, abi layout) {
  control_view walk{std::as_bytes(std::span{control}), layout};
  while (walk.next()) {
  }
  return !walk.error();
}

}  // namespace

TEST_CASE("the same seed makes the same control data, another seed other data", "[fuzz]") {
  std::set<bytes> different;
  for (std::uint64_t seed = 0; seed != 200; ++seed) {
    CHECK(generated(abi::native, seed) == generated(abi::native, seed));
    different.insert(generated(abi::native, seed));
    CHECK(mutated(abi::native, seed, generated(abi::native, 1)) ==
          mutated(abi::native, seed, generated(abi::native, 1)));
  }
  CHECK(different.size() > 190);
}

TEST_CASE("what is made is well formed more often than not, and not always", "[fuzz]") {
  for (const abi layout : {abi::lp64, abi::ilp32}) {
    int good = 0;
    for (std::uint64_t seed = 0; seed != 1000; ++seed) good += well_formed(generated(layout, seed), layout) ? 1 : 0;
    CHECK(good > 600);
    CHECK(good < 1000);
  }
}

TEST_CASE("no result is larger than its room, whatever it was made from", "[fuzz]") {
  for (std::size_t room = 0; room != 80; ++room) {
    for (std::uint64_t seed = 0; seed != 40; ++seed) {
      bytes guarded(room + 16, 0xee);
      const auto inside = std::span{guarded}.first(room);
      const bytes from = generated(abi::native, seed, room);
      std::copy(from.begin(), from.end(), inside.begin());
      CHECK(fuzz::control_mutator(abi::native, seed).mutate(inside, from.size()) <= room);
      CHECK(fuzz::control_mutator(abi::native, seed).cross(from, generated(abi::native, seed + 1), inside) <= room);
      CHECK(std::count(guarded.begin() + static_cast<std::ptrdiff_t>(room), guarded.end(), 0xee) == 16);
    }
  }
}

TEST_CASE("changes of one message break it in every way that the walk can name", "[fuzz]") {
  std::set<scm::parse_error::fault> faults;
  std::set<std::size_t> sizes;
  const bytes one = generated(abi::lp64, 3);
  for (std::uint64_t seed = 0; seed != 2000; ++seed) {
    const bytes control = mutated(abi::lp64, seed, one);
    sizes.insert(control.size());
    control_view walk{std::as_bytes(std::span{control}), abi::lp64};
    while (walk.next()) {
    }
    if (walk.error()) faults.insert(walk.error()->what);
  }
  CHECK(faults.contains(scm::parse_error::fault::length_below_header));
  CHECK(faults.contains(scm::parse_error::fault::length_past_end));
  CHECK(sizes.size() > 20);
}

TEST_CASE("what is taken apart and put together again is what it was, faults and all", "[fuzz]") {
  for (const abi layout : {abi::lp64, abi::ilp32}) {
    int faulty = 0;
    for (std::uint64_t seed = 0; seed != 500; ++seed) {
      bytes control = generated(layout, seed);
      // A last message with a bad length, and bytes that are too few for a header.
      if (seed % 4 == 1) control.insert(control.end(), 40, 0xff);
      if (seed % 4 == 2) control.insert(control.end(), 7, 0xff);
      faulty += well_formed(control, layout) ? 0 : 1;
      bytes again(control.size() + 16, 0xee);
      again.resize(fuzz::put_together(fuzz::take_apart(control, layout), layout, again));
      CHECK(again == control);
    }
    CHECK(faulty > 100);
  }
}

TEST_CASE("a cross keeps whole messages of both", "[fuzz]") {
  for (const abi layout : {abi::lp64, abi::ilp32}) {
    const bytes a = generated(layout, 7), b = generated(layout, 11);
    REQUIRE((well_formed(a, layout) && well_formed(b, layout)));
    for (std::uint64_t seed = 0; seed != 200; ++seed) {
      bytes crossed(1024);
      crossed.resize(fuzz::control_mutator{layout, seed}.cross(a, b, crossed));
      CHECK(well_formed(crossed, layout));
    }
  }
}

TEST_CASE("an input hands out its bytes and then zeros", "[fuzz]") {
  const bytes data{1, 2, 3, 4, 5};
  fuzz::input in{data};
  CHECK(in.take<std::uint8_t>() == 1);
  CHECK(in.take<std::uint16_t>() == 0x0302);
  CHECK(in.rest().size() == 2);
  CHECK(in.take_bytes(1).size() == 1);
  CHECK(in.take<std::uint32_t>() == 5);
  CHECK(in.empty());
  CHECK(in.take<std::uint64_t>() == 0);
  CHECK(in.take_bytes(9).empty());
}
