// What was cut, lost or too much is an error that leaves nothing open.
#include "support/beside.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/queued.hpp"
#include "support/skip.hpp"
#include "support/witness.hpp"

#include <scm/channel.hpp>

#include <array>
#include <climits>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

using namespace scm;
using test::all_closed;
using test::send_watched;

namespace {
std::array<std::byte, 8> buffer;

template <class Channel>
std::pair<Channel, Channel> pair() {
  return Channel::pair().value();
}
}  // namespace

TEMPLATE_TEST_CASE("descriptors that find no free slot are an error and the others are closed", "[loss][no-valgrind]",
                   stream, datagram, seqpacket) {
  for (int free = 0; free <= 8; ++free) {
    for (const std::size_t count : {1U, 2U, 5U, 9U, 253U}) {
      INFO(free << " free slots, " << count << " descriptors");
      auto [left, right] = pair<TestType>();
      const auto watched = send_watched(left, count);
      const auto got = [&] {
        const test::descriptor_limit full{test::descriptor_limit::leaving_free(free)};
        return right.receive(buffer, 253);
      }();
      if (count <= static_cast<std::size_t>(free)) {
        REQUIRE(got);
        CHECK(got->descriptors.size() == count);
      } else {
        REQUIRE_FALSE(got);
        CHECK(got.error().code == errc::descriptors_lost);
        CHECK(got.error().installed == static_cast<std::size_t>(free));
        CHECK(all_closed(watched));
      }
    }
  }
}

TEMPLATE_TEST_CASE("a loss costs one message where messages are whole", "[loss]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  send_watched(left, 2);
  send_watched(left, 1);
  CHECK(right.receive(buffer, 1).error().code == errc::over_limit);
  CHECK(right.receive(buffer, 1)->descriptors.size() == 1);
}

TEST_CASE("after a loss a stream receives nothing more, and still sends", "[loss]") {
  auto [left, right] = pair<stream>();
  send_watched(left, 2);
  const auto queued = send_watched(left, 1);
  CHECK(right.receive(buffer, 1).error().code == errc::over_limit);
  CHECK(right.receive(buffer, 1).error().code == errc::receive_side_dead);
  CHECK(right.try_receive(buffer, 1).error().code == errc::receive_side_dead);
  CHECK(right.receive_partial(buffer, 1).error().code == errc::receive_side_dead);
  CHECK(right.send("x"));
  const stream moved{std::move(right)};  // dead it stays
  CHECK_FALSE(queued.front().closed());
}

TEMPLATE_TEST_CASE("a partial receive tells what it let pass", "[loss][no-valgrind]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  SECTION("surplus descriptors, closed") {
    auto watched = send_watched(left, 3);
    const auto got = right.receive_partial(buffer, 1);
    REQUIRE(got);
    REQUIRE(got->descriptors.size() == 1);
    CHECK(watched[0].is(got->descriptors[0]));
    CHECK(got->surplus >= 1);
    CHECK(got->descriptors_lost);
    CHECK(watched[1].closed());
    CHECK(watched[2].closed());
  }
  SECTION("a cut payload") {
    const auto watched = send_watched(left, 1, "123456789");
    const auto got = right.receive_partial(buffer, 1);
    REQUIRE(got);
    CHECK(got->payload_cut);
    CHECK(got->size == buffer.size());
    CHECK(got->descriptors.size() == 1);
  }
  SECTION("lost descriptors") {
    const auto watched = send_watched(left, 3);
    const auto got = [&] {
      const test::descriptor_limit full{test::descriptor_limit::leaving_free(2)};
      return right.receive_partial(buffer, 3);
    }();
    REQUIRE(got);
    CHECK(got->descriptors_lost);
    CHECK(got->surplus == 0);
    CHECK(got->descriptors.size() == 2);
    CHECK(watched[2].closed());
  }
  SECTION("nothing, when nothing was wrong") {
    const auto watched = send_watched(left, 3);
    const auto got = right.receive_partial(buffer, 3);
    REQUIRE(got);
    CHECK_FALSE(got->descriptors_lost);
    CHECK_FALSE(got->payload_cut);
    CHECK(got->surplus == 0);
  }
}

TEST_CASE("a partial receive leaves a stream alive", "[loss]") {
  auto [left, right] = pair<stream>();
  send_watched(left, 2);
  REQUIRE(right.receive_partial(buffer, 1));
  REQUIRE(left.send("x"));
  CHECK(right.receive(buffer, 1)->size == 1);
}

TEMPLATE_TEST_CASE("a descriptor table that was full once does not show an old number again", "[loss][no-valgrind]",
                   datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  send_watched(left, 2);
  REQUIRE(right.receive(buffer, 2));  // leaves control data behind in whatever memory is reused
  const auto watched = send_watched(left, 2);
  const auto got = [&] {
    const test::descriptor_limit full{test::descriptor_limit::leaving_free(0)};
    return right.receive(buffer, 2);
  }();
  REQUIRE_FALSE(got);
  CHECK(got.error().code == errc::descriptors_lost);
  CHECK(got.error().installed == 0);
  CHECK(all_closed(watched));
}

TEMPLATE_TEST_CASE("with a reserve, a full table is reported before anything is lost", "[loss][no-valgrind]", stream,
                   datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const auto watched = send_watched(left, 2);
  {
    const test::descriptor_limit full{test::descriptor_limit::leaving_free(3)};
    CHECK(right.receive(buffer, 2, {.reserve = 1}).error() == errc::no_headroom);
    CHECK(right.receive(buffer, 3, {.reserve = 0}).error() == errc::no_headroom);  // a fourth would show a surplus
    CHECK(right.receive(buffer, 2, {.reserve = INT_MAX}).error() == errc::no_headroom);
    CHECK(right.receive(buffer, 2, {.reserve = SIZE_MAX}).error() == errc::no_headroom);
    const auto got = right.receive(buffer, 2, {.reserve = 0});
    REQUIRE(got);
    CHECK(got->descriptors.size() == 2);
  }
  CHECK(all_closed(watched));
  CHECK(right.receive(buffer, 2, {.until = dont_wait, .reserve = 0}).error() ==
        std::errc::resource_unavailable_try_again);
  CHECK(right.receive(buffer, 2, {.until = in(std::chrono::milliseconds(5)), .reserve = 0}).error() ==
        std::errc::timed_out);
}

TEST_CASE("a reserve counts the pidfd that comes with each message", "[loss][no-valgrind]") {
  auto [left, right] = pair<seqpacket>();
  if (!right.set(receive_item::pidfd, true)) SCM_SKIP("SO_PASSPIDFD needs Linux 6.5");
  const auto watched = send_watched(left, 2);
  const test::descriptor_limit full{test::descriptor_limit::leaving_free(3)};
  CHECK(right.receive(buffer, 2, {.reserve = 0}).error() == errc::no_headroom);
  CHECK(right.receive(buffer, 1, {.reserve = 0}).error() == errc::over_limit);
}

TEMPLATE_TEST_CASE("a reserve is looked at when a message has come, not before the wait for it", "[loss][no-valgrind]",
                   stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  std::deque<test::witness> watched(1);
  descriptor_list list;
  REQUIRE(list.adopt(watched[0].give()));
  std::optional<test::descriptor_limit> full;
  test::beside sender{[&, &from = left] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    full.emplace(test::descriptor_limit::leaving_free(0));
    return from.send_owned("x", list).has_value();
  }};
  const auto got = right.receive(buffer, 1, {.reserve = 2});
  CHECK(sender.succeeded());
  full.reset();
  CHECK(got.error() == errc::no_headroom);
  CHECK_FALSE(watched[0].closed());
  CHECK(right.receive(buffer, 1, {.reserve = 2})->descriptors.size() == 1);
}

TEMPLATE_TEST_CASE("at a full table a reserve does not hide the end of file", "[loss][no-valgrind]", stream,
                   seqpacket) {
  auto [left, right] = pair<TestType>();
  REQUIRE(left.send("x"));
  REQUIRE(left.shutdown_send());
  const test::descriptor_limit full{test::descriptor_limit::leaving_free(0)};
  CHECK(right.receive(buffer, 1, {.reserve = 2}).error() == errc::no_headroom);
  CHECK(right.receive(buffer, 1));
  CHECK(right.receive(buffer, 1, {.reserve = 2}).error() == errc::end_of_file);
}

TEMPLATE_TEST_CASE("a message without bytes is no end of file for a reserve, and waits until there is room",
                   "[loss][no-valgrind]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const auto watched = send_watched(left, 1, "");
  if (std::same_as<TestType, datagram>) REQUIRE(left.send(""));
  {
    const test::descriptor_limit full{test::descriptor_limit::leaving_free(0)};
    CHECK(right.receive(buffer, 1, {.reserve = 2}).error() == errc::no_headroom);
  }
  CHECK_FALSE(all_closed(watched));
  CHECK(right.receive(buffer, 1, {.reserve = 2})->descriptors.size() == 1);
  if (std::same_as<TestType, datagram>) {
    const test::descriptor_limit full{test::descriptor_limit::leaving_free(0)};
    CHECK(right.receive(buffer, 1, {.reserve = 2}).error() == errc::no_headroom);
  }
}

TEMPLATE_TEST_CASE("a message without bytes whose descriptors find no slot is a loss, not an end of file",
                   "[loss][no-valgrind]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const auto watched = send_watched(left, 1, "");
  const test::descriptor_limit full{test::descriptor_limit::leaving_free(0)};
  CHECK(right.receive(buffer, 1).error() == errc::descriptors_lost);
  CHECK(all_closed(watched));
}

TEST_CASE("a message that is assigned and received into again needs no memory", "[loss]") {
  auto [left, right] = pair<seqpacket>();
  const auto watched = send_watched(left, 200);
  auto first = right.receive(buffer, 200);
  REQUIRE(first);
  message kept;
  kept = std::move(*first);
  CHECK(kept.descriptors.size() == 200);
  CHECK(first->descriptors.empty());
  CHECK(first->size == 0);
  REQUIRE(left.send("again"));
  auto second = right.receive(buffer, 1);
  *first = std::move(*second);
  CHECK(first->size == 5);
  auto& itself = kept;
  kept = std::move(itself);
  CHECK(kept.descriptors.size() == 200);
  kept = message{};
  CHECK(all_closed(watched));
}

TEMPLATE_TEST_CASE("with every item on, 253 descriptors and the items arrive uncut", "[loss]", stream, datagram,
                   seqpacket) {
  constexpr std::array items{receive_item::credentials, receive_item::pidfd, receive_item::timestamp,
                             receive_item::queued_bytes};
  for (unsigned combination = 0; combination != 1U << items.size(); ++combination) {
    auto [left, right] = pair<TestType>();
    std::vector<receive_item> on;
    for (std::size_t i = 0; i != items.size(); ++i) {
      if ((combination >> i & 1U) != 0 && right.set(items[i], true)) on.push_back(items[i]);
    }
    const owned_fd file = test::scratch_file();
    REQUIRE(left.send("x", std::vector<borrowed_fd>(253, file)));
    const auto got = right.receive(buffer, 253);
    INFO("combination " << combination << ", error " << (got ? "" : got.error().code.message()));
    REQUIRE(got);
    CHECK(got->descriptors.size() == 253);
    for (const receive_item item : on) {
      if (item == receive_item::credentials) CHECK(got->sender == credentials::own());
      if (item == receive_item::pidfd) CHECK(got->sender_pidfd);
      if (item == receive_item::timestamp) CHECK(got->queued_at);
      if (item == receive_item::queued_bytes) CHECK(got->queued_bytes == 0U);
    }
  }
}

TEST_CASE("a pidfd that the kernel could not make is refused, and no number is closed for it", "[loss][no-valgrind]") {
  auto [left, right] = pair<seqpacket>();
  if (!right.set(receive_item::pidfd, true)) SCM_SKIP("SO_PASSPIDFD needs Linux 6.5");
  REQUIRE(left.send("x"));
  {
    const test::descriptor_limit full{test::descriptor_limit::leaving_free(0)};
    CHECK(right.receive(buffer, 0).error().code == errc::refused);
  }
  REQUIRE(left.send("x"));
  const auto got = [&] {
    const test::descriptor_limit full{test::descriptor_limit::leaving_free(0)};
    return right.receive_partial(buffer, 0);
  }();
  REQUIRE(got);
  CHECK_FALSE(got->sender_pidfd);
  CHECK(got->sender_pidfd_refusal == std::errc::too_many_files_open);
}
