// Receiving what was agreed: what matches is handed out whole, what does not is closed, and the channel goes on.
#include "support/catch.hpp"
#include "support/queued.hpp"

#include <scm/channel.hpp>

#include <sys/eventfd.h>
#include <sys/mman.h>

#include <array>

using namespace scm;
using kind = descriptor_kind;

namespace {

owned_fd memory() { return owned_fd{::memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING)}; }

const std::array agreed{expectation{.kinds = kind::memfd}, expectation{.kinds = kind::pipe}};

template <class Channel>
void goes_on_after(Channel& from, Channel& to) {
  std::array<char, 8> room{};
  const owned_fd file = memory();
  test::witness given;
  const owned_fd end = given.give();
  REQUIRE(from.send("next", {file, end}));
  const auto got = to.receive(room, agreed);
  REQUIRE(got);
  CHECK(got->size == 4);
  CHECK(test::inode_of(got->descriptors[0]) == test::inode_of(file));
  CHECK(given.is(got->descriptors[1]));
}

}  // namespace

TEMPLATE_TEST_CASE("a message whose descriptors are what was agreed arrives whole", "[admission]", stream, seqpacket,
                   datagram) {
  auto [from, to] = TestType::pair().value();
  goes_on_after(from, to);
}

TEMPLATE_TEST_CASE("a message with another descriptor is closed whole, told by position, and the next one arrives",
                   "[admission]", stream, seqpacket, datagram) {
  auto [from, to] = TestType::pair().value();
  std::array<char, 8> room{};
  const auto watched = test::send_watched(from, 2);  // a pipe where a memfd was agreed
  const auto got = to.receive(room, agreed);
  REQUIRE_FALSE(got);
  CHECK(got.error() == errc::not_admitted);
  CHECK(got.error().installed == 2);
  CHECK(got.error().max == 2);
  REQUIRE(got.error().refused);
  CHECK(got.error().refused->position == 0);
  CHECK(got.error().refused->what == mismatch::kind);
  CHECK(got.error().refused->text().view() == "descriptor 0 is pipe, not memfd");
  CHECK(all_closed(watched));
  goes_on_after(from, to);
}

TEMPLATE_TEST_CASE("a message with fewer descriptors than agreed is refused, and one with more is over the limit",
                   "[admission]", stream, seqpacket, datagram) {
  auto [from, to] = TestType::pair().value();
  std::array<char, 1> room{};
  const auto one = test::send_watched(from, 1);
  const auto missing = to.receive(room, agreed);
  REQUIRE_FALSE(missing);
  CHECK(missing.error() == errc::not_admitted);
  CHECK(missing.error().refused.value().what == mismatch::missing);
  CHECK(all_closed(one));

  const auto three = test::send_watched(from, 3);
  const auto surplus = to.receive(room, agreed);
  REQUIRE_FALSE(surplus);
  CHECK(surplus.error() == errc::over_limit);
  CHECK_FALSE(surplus.error().refused);
  CHECK(all_closed(three));
}

TEST_CASE("an admission from none on lets messages without descriptors through", "[admission]") {
  auto [from, to] = seqpacket::pair().value();
  std::array<char, 8> room{};
  const expectation pipes{.kinds = kind::pipe};
  REQUIRE(from.send("plain"));
  CHECK(to.receive(room, {pipes, 0, 3}).value().size == 5);
  for (std::size_t count = 1; count <= 3; ++count) {
    const auto watched = test::send_watched(from, count);
    CHECK(to.receive(room, {pipes, 0, 3}).value().descriptors.size() == count);
    CHECK(all_closed(watched));
  }
}

TEST_CASE("waiting under an admission ends at its deadline, and the end of file is told", "[admission]") {
  auto [from, to] = seqpacket::pair().value();
  std::array<char, 8> room{};
  CHECK(to.receive(room, agreed, {.until = dont_wait}).error() == std::errc::resource_unavailable_try_again);
  REQUIRE(from.shutdown_send());
  CHECK(to.receive(room, agreed).error() == errc::end_of_file);
}
