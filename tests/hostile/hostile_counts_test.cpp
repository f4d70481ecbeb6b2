// Hostile peers, 01 to 10: too many descriptors, too few, the same ones, and ever more of them.
// Of the catalogue's 44 entries, 06, 29 and 30 need frames: hostile_records_test.cpp.
#include "hostile/scene.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/queued.hpp"
#include "support/same_file.hpp"
#include "support/skip.hpp"

#include <scm/channel.hpp>

#include <algorithm>
#include <set>
#include <vector>

using namespace scm;
using test::all_closed;
using test::scene;
using test::send_watched;

namespace {
std::array<std::byte, 8> buffer;
}  // namespace

TEMPLATE_TEST_CASE("hostile 01: one descriptor too many, even in the padding, is closed and is an error", "[hostile]",
                   stream, datagram, seqpacket) {
  for (const std::size_t max : {0U, 1U, 2U, 3U, 31U, 32U, 33U, 100U, 252U}) {
    for (const std::size_t surplus : {1U, 2U, 60U}) {
      const std::size_t count = std::min<std::size_t>(max + surplus, 253);
      INFO(count << " sent, " << max << " allowed");
      scene<TestType> here;
      const auto watched = send_watched(here.peer(), count);
      const auto got = here.ours().receive(buffer, max);
      REQUIRE_FALSE(got);
      CHECK(got.error().code == errc::over_limit);
      CHECK(got.error().installed > max);
      CHECK(got.error().max == max);
      CHECK(all_closed(watched));
      CHECK(here.serves_after_loss());
    }
  }
}

TEMPLATE_TEST_CASE("hostile 02: 253 descriptors for a receiver of few are an error, and none stays", "[hostile]",
                   stream, datagram, seqpacket) {
  scene<TestType> here;
  for (const std::size_t max : {1U, 16U, 252U}) {
    INFO(max << " allowed");
    const auto watched = send_watched(here.peer(), 253);
    const auto got = here.ours().receive(buffer, max);
    REQUIRE_FALSE(got);
    CHECK(got.error().code == errc::over_limit);
    CHECK(all_closed(watched));
    CHECK(here.serves_after_loss());
  }
  const auto watched = send_watched(here.peer(), 253);
  {
    const auto got = here.ours().receive(buffer, 253);
    REQUIRE(got);
    CHECK(got->descriptors.size() == 253);
  }
  CHECK(all_closed(watched));
}

TEMPLATE_TEST_CASE("hostile 03: SCM_RIGHTS with no descriptor in it is a message without descriptors", "[hostile]",
                   stream, datagram, seqpacket) {
  scene<TestType> here;
  for (std::size_t bytes = 0; bytes != 4; ++bytes) {  // of a number that has four
    for (const int times : {1, 5}) {
      INFO(bytes << " bytes, " << times << " times");
      test::control_bytes none;
      for (int i = 0; i != times; ++i) {
        none.header(cmsg_header_size() + bytes, SOL_SOCKET, SCM_RIGHTS).fill(bytes, 0xff).pad();
      }
      REQUIRE(test::send_raw(here.peer().fd(), "x", none) == 1);
      const auto got = here.ours().receive(buffer, 0, {.until = test::patience()});
      REQUIRE(got);
      CHECK(got->size == 1);
      CHECK(got->descriptors.empty());
      CHECK_FALSE(got->descriptors_lost);
    }
  }
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 04: descriptors with a message that wants none are closed and an error", "[hostile]",
                   stream, datagram, seqpacket) {
  for (const std::size_t count : {1U, 2U, 3U, 253U}) {
    INFO(count << " sent");
    scene<TestType> here;
    const auto watched = send_watched(here.peer(), count);
    const auto got = here.ours().receive(buffer, 0);
    REQUIRE_FALSE(got);
    CHECK(got.error().code == errc::over_limit);
    CHECK(all_closed(watched));
    CHECK(here.serves_after_loss());
  }
}

TEMPLATE_TEST_CASE("hostile 05: a descriptor that is missing is no descriptor, and never another number", "[hostile]",
                   stream, datagram, seqpacket) {
  scene<TestType> here;
  for (const std::size_t sent : {0U, 1U}) {
    const auto watched = sent == 0 ? (here.peer().send("2 come").value(), std::deque<test::witness>{})
                                   : send_watched(here.peer(), sent, "2 come");
    {
      auto got = here.ours().receive(buffer, 2, {.until = test::patience()});
      REQUIRE(got);
      CHECK(got->size == 6);
      CHECK(got->descriptors.size() == sent);
      for (std::size_t slot = sent; slot != 3; ++slot) {
        CHECK_FALSE(got->descriptors[slot]);
        CHECK_FALSE(got->descriptors.refusal(slot));
        CHECK_FALSE(got->descriptors.take(slot));
      }
    }
    CHECK(all_closed(watched));
  }
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 07: where descriptors are not accepted they fail at their sender, from the first byte on",
                   "[hostile]", stream, datagram, seqpacket) {
  {
    auto plain = TestType::pair().value();
    const auto set = plain.first.accept_descriptors(false);
    if (!set && set.error() == errc::unsupported) SCM_SKIP("SO_PASSRIGHTS needs Linux 6.16");
    REQUIRE(set);
  }
  scene<TestType> here{{.accept_descriptors = false}};
  test::witness watched;
  {
    const owned_fd file = watched.give();
    auto early = TestType::connect(here.at()).value();  // not yet accepted, where there is something to accept
    CHECK(early.send("x", {file}).error() == std::errc::operation_not_permitted);
    CHECK(here.peer().send("x", {file}).error() == std::errc::operation_not_permitted);
    CHECK(here.peer().try_send("x", std::vector<borrowed_fd>(253, file)).error() == std::errc::operation_not_permitted);
  }
  CHECK(watched.closed());
  REQUIRE(here.peer().send("bytes"));
  CHECK(here.ours().receive(buffer, 0, {.until = test::patience()})->size == 5);
  CHECK(here.ours().try_receive(buffer, 253).error() == std::errc::resource_unavailable_try_again);
  REQUIRE(here.ours().accept_descriptors(true));
  CHECK(test::honest_message(here.peer(), here.ours()));
}

TEMPLATE_TEST_CASE("hostile 08: the same descriptor 253 times is 253 descriptors, each closed once", "[hostile]",
                   stream, datagram, seqpacket) {
  scene<TestType> here;
  test::witness watched;
  {
    const owned_fd file = watched.give();
    REQUIRE(here.peer().send("x", std::vector<borrowed_fd>(253, file)));
    const auto got = here.ours().receive(buffer, 253);
    REQUIRE(got);
    std::set<int> numbers;
    bool same = true;
    for (const borrowed_fd one : got->descriptors.view()) {
      numbers.insert(one.native_handle());
      same = same && test::same_open_file(one, file);
    }
    CHECK(numbers.size() == 253);
    CHECK(same);
  }
  CHECK(watched.closed());
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 09: a flood that fills the descriptor table costs what did not fit, whole", "[hostile]",
                   stream, datagram, seqpacket) {
  scene<TestType> here;
  std::vector<std::deque<test::witness>> flood;
  for (int i = 0; i != 4; ++i) flood.push_back(send_watched(here.peer(), 3));
  {
    std::vector<message> kept;
    const test::descriptor_limit full{test::descriptor_limit::leaving_free(10)};
    for (int i = 0; i != 3; ++i) {
      auto got = here.ours().receive(buffer, 3);
      REQUIRE(got);
      kept.push_back(std::move(*got));
    }
    SECTION("without a reserve the kernel drops descriptors, and the others are closed") {
      const auto got = here.ours().receive(buffer, 3);
      REQUIRE_FALSE(got);
      CHECK(got.error().code == errc::descriptors_lost);
      CHECK(got.error().installed == 1);
      CHECK(all_closed(flood[3]));
    }
    SECTION("with a reserve nothing is received, and the message waits for room") {
      CHECK(here.ours().receive(buffer, 3, {.reserve = 0}).error() == errc::no_headroom);
      CHECK_FALSE(flood[3][0].closed());
      kept.pop_back();
      const auto got = here.ours().receive(buffer, 3, {.reserve = 0});
      REQUIRE(got);
      CHECK(got->descriptors.size() == 3);
    }
  }
  for (const auto& one : flood) CHECK(all_closed(one));
  CHECK(here.serves_others());
}

TEMPLATE_TEST_CASE("hostile 10: a pile of descriptors that nobody reads is bounded, and dies with its queue",
                   "[hostile]", stream, datagram, seqpacket) {
  scene<TestType> here;
  std::vector<std::deque<test::witness>> pile;
  const owned_fd file = test::scratch_file();
  result<std::size_t, send_error> sent = 0;
  while (pile.size() != 8) pile.push_back(send_watched(here.peer(), 1));
  int more = 0;
  while (more != 100'000 && (sent = here.peer().try_send("x", {file}))) ++more;
  REQUIRE_FALSE(sent);
  CHECK(sent.error() == std::errc::resource_unavailable_try_again);
  CHECK_FALSE(all_closed(pile.front()));
  if constexpr (scene<TestType>::connected) {
    // Others are served while it is there.
    auto other = TestType::connect(here.at()).value();
    auto accepted = here.door().accept(test::patience()).value();
    CHECK(test::honest_message(other, accepted));
    const TestType hung_up{std::move(here.ours())};
  } else {
    for (std::size_t i = 0; i != pile.size(); ++i)
      CHECK(here.ours().try_receive(buffer, 0).error() == errc::over_limit);
    while (here.ours().try_receive(buffer, 1)) {
    }
  }
  for (const auto& one : pile) CHECK(all_closed(one));
  CHECK(here.serves_others());
}
