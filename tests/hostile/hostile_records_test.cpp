// Hostile peers of channels of records: the catalogue's entries that need frames, and packets that lie about what comes
// with them. Each costs its own connection and nobody else's; what came is closed.
#include "frame/packets.hpp"
#include "hostile/mark.hpp"
#include "hostile/scene.hpp"
#include "support/beside.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/queued.hpp"

#include <scm/frame.hpp>

#include <algorithm>
#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;
using test::abandoned;
using test::all_closed;
using test::more;
using test::packet;
using test::patience;
using test::send_watched;
using test::witness;

namespace {

constexpr record_bounds small{100, 4, 1000, 4};
constexpr auto would_block = std::errc::resource_unavailable_try_again;

// A server that receives records of whoever connects to it, and a peer that sends what it likes.
template <class Channel>
class record_scene {
 public:
  static constexpr bool is_stream = std::same_as<Channel, stream>;

  Channel& peer() { return here_.peer(); }
  record_channel& ours() { return ours_; }

  // Sends bytes with as many descriptors, each in a message of its own.
  void send(const std::string& bytes, std::size_t descriptors = 0) {
    for (auto& one : send_watched(peer(), descriptors, bytes)) watched_.push_back(std::move(one));
  }
  void send(const packet& one) { send(one.bytes(), one.sum()); }

  // Whether a record comes first, with the next so many of the descriptors that were sent.
  bool receives(std::string_view text, std::size_t descriptors = 0) {
    const auto got = ours_.receive({.until = patience()});
    if (!got || std::string_view(reinterpret_cast<const char*>(got->bytes.data()), got->bytes.size()) != text ||
        got->descriptors.size() != descriptors) {
      return false;
    }
    return std::ranges::all_of(got->descriptors, [this](const owned_fd& one) { return watched_[received_++].is(one); });
  }
  // Whether there is word that a record was given up, of which so many descriptors came.
  bool hears_of_abandoned(std::size_t descriptors) {
    received_ += descriptors;
    return ours_.receive({.until = patience()}).error() == errc::abandoned;
  }

  // What comes next is this error, for good. Whatever came is closed, but for so many of the last descriptors, which
  // are still in the socket and go with it; and the next peer is served.
  void check_broken(std::error_code by, std::size_t unread = 0) {
    for (int i = 0; i != 2; ++i) {
      const auto got = ours_.receive({.until = patience()});
      REQUIRE_FALSE(got);
      CHECK(got.error() == by);
    }
    CHECK(std::all_of(watched_.begin(), watched_.end() - static_cast<std::ptrdiff_t>(unread),
                      [](const witness& one) { return one.closed(); }));
    CHECK(serves_others());
    {
      const record_channel dead{std::move(ours_)};
    }
    CHECK(all_closed(watched_));
  }

  [[nodiscard]] bool all_are_closed() const { return all_closed(watched_); }

  bool serves_others() {
    here_.next_peer();
    auto from = record_channel::make(std::move(here_.peer()), small).value();
    auto to = record_channel::make(std::move(here_.ours()), small).value();
    witness given;
    if (!from.queue("honest", given.give()) || !from.flush(patience())) return false;
    const auto got = to.receive({.until = patience()});
    return got && got->descriptors.size() == 1 && given.is(got->descriptors[0]);
  }

 private:
  test::scene<Channel> here_;
  record_channel ours_ = record_channel::make(std::move(here_.ours()), small).value();
  std::deque<witness> watched_;
  std::size_t received_ = 0;  // of them
};

}  // namespace

TEMPLATE_TEST_CASE("hostile 06: descriptors of one packet that come split over two are refused, and closed",
                   "[hostile][records]", stream, seqpacket) {
  record_scene<TestType> here;
  here.send({0, {{"good", 1}}});
  SECTION("the second half with a packet that counts none") {
    here.send(packet{1, {{"two", 2}}}.bytes(), 1);
    here.send(packet{2, {{"none"}}}.bytes(), 1);
    CHECK(here.receives("good", 1));
    here.check_broken(errc::descriptors_missing, 1);
  }
  SECTION("the second half with the rest of its bytes") {
    const std::string bytes = packet{1, {{"two", 2}}}.bytes();
    here.send(bytes.substr(0, 20), 1);
    here.send(bytes.substr(20), 1);
    CHECK(here.receives("good", 1));
    here.check_broken(record_scene<TestType>::is_stream ? errc::descriptors_missing : errc::malformed, 1);
  }
}

TEST_CASE("hostile 28: a peer that sends a packet byte by byte keeps no receive past its deadline, and nothing is lost",
          "[hostile][records]") {
  record_scene<stream> here;
  const std::string bytes = packet{0, {{"slow"}}}.bytes();
  std::atomic<bool> stop = false;
  std::size_t sent = 0;
  test::beside dripping{[&, &to = here.peer()] {
    while (!stop && sent + 1 != bytes.size()) {
      if (!to.send(std::string_view{bytes}.substr(sent, 1))) return false;
      ++sent;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }};
  for (int i = 0; i != 3; ++i) {
    const deadline until = in(5ms);
    CHECK(here.ours().receive({.until = until}).error() == std::errc::timed_out);
    CHECK(std::chrono::steady_clock::now() >= until);
  }
  stop = true;
  REQUIRE(dripping.succeeded());
  CHECK(here.ours().try_receive().error() == would_block);
  here.send(bytes.substr(sent));
  CHECK(here.receives("slow"));
  CHECK(here.serves_others());
}

TEMPLATE_TEST_CASE("hostile 29: lengths of nothing and of gigabytes are refused before memory is taken",
                   "[hostile][records]", stream, seqpacket) {
  for (const std::uint64_t length : {0x0U, 0x1U, 0x7fffffffU, 0x80000000U, 0xffffffffU}) {
    INFO("length " << length);
    {
      record_scene<TestType> here;
      here.send({.pieces = {{"x", 1}}, .size = length});
      here.check_broken(errc::malformed);
    }
    {
      record_scene<TestType> here;
      here.send({0, {{.payload = "x", .descriptors = 1, .size = length == 1 ? 2 : length}}});
      here.check_broken(errc::malformed);
    }
  }
  record_scene<TestType> here;  // right, and more than the receiver allows
  here.send({0, {{std::string(60, 'x'), 1, more}}});
  here.send({1, {{std::string(60, 'x'), 1}}});
  here.check_broken(errc::over_limit);
}

TEST_CASE("hostile 30: headers that come in two halves are whole, and a death between them is told",
          "[hostile][records]") {
  const packet one{0, {{"one", 1}}};
  const std::string bytes = one.bytes();
  for (std::size_t cut = 1; cut != bytes.size(); ++cut) {
    INFO("cut at " << cut);
    {
      record_scene<stream> here;
      here.send(bytes.substr(0, cut), 1);
      CHECK(here.ours().try_receive().error() == would_block);
      here.send(bytes.substr(cut));
      CHECK(here.receives("one", 1));
    }
    record_scene<stream> here;
    here.send(bytes.substr(0, cut), 1);
    REQUIRE(here.peer().shutdown_send());
    here.check_broken(errc::record_cut);
  }
}

TEST_CASE("hostile 31: descriptors amid a packet are never a record's, wherever they come", "[hostile][records]") {
  const packet plain{0, {{"plain"}}};
  const std::string bytes = plain.bytes();
  for (std::size_t cut = 1; cut != bytes.size(); ++cut) {
    INFO("at byte " << cut);
    record_scene<stream> here;
    here.send(bytes.substr(0, cut));
    here.send(bytes.substr(cut), 1);
    here.check_broken(errc::descriptors_surplus);
  }
}

TEMPLATE_TEST_CASE("hostile 32: descriptors never go to a record of another packet than the one they came with",
                   "[hostile][records]", stream, seqpacket) {
  SECTION("the first claims those of the second") {
    record_scene<TestType> here;
    here.send(packet{0, {{"claims", 1}}}.bytes(), 0);
    here.send(packet{1, {{"has none"}}}.bytes(), 1);
    // On a stream the bytes of the first come together with those of the second.
    here.check_broken(errc::descriptors_missing, record_scene<TestType>::is_stream ? 0 : 1);
  }
  SECTION("the second claims those of the first") {
    record_scene<TestType> here;
    here.send(packet{0, {{"has none"}}}.bytes(), 1);
    here.send(packet{1, {{"claims", 1}}}.bytes(), 0);
    here.check_broken(errc::descriptors_surplus);
  }
  SECTION("each has its own") {
    record_scene<TestType> here;
    here.send({0, {{"a", 1}, {"b"}}});
    here.send({1, {{"c"}}});
    here.send({2, {{"d", 2}}});
    CHECK(here.receives("a", 1));
    CHECK(here.receives("b"));
    CHECK(here.receives("c"));
    CHECK(here.receives("d", 2));
    CHECK(here.serves_others());
  }
}

TEMPLATE_TEST_CASE("hostile 37: junk in a packet or behind it never becomes a record", "[hostile][records]", stream,
                   seqpacket) {
  const packet good{0, {{"good", 1}}};
  for (const char junk : {'\0', '\1', '\xff'}) {
    for (const std::size_t count : {1U, 7U, 8U, 16U, 24U, 40U}) {
      INFO(count << " bytes " << int{junk});
      record_scene<TestType> within;
      const std::string tail(count, junk);
      const packet longer{.pieces = good.pieces, .size = good.bytes().size() + count};
      within.send(longer.bytes() + tail, 1);
      if (junk != '\0' || count % 8 != 0) within.check_broken(errc::malformed);
      if (junk == '\0' && count % 8 == 0) CHECK(within.receives("good", 1));  // that is what empty records look like

      record_scene<TestType> behind;
      behind.send(good);
      behind.send(tail);
      CHECK(behind.receives("good", 1));
      REQUIRE(behind.peer().shutdown_send());
      const auto got = behind.ours().receive({.until = patience()});
      REQUIRE_FALSE(got);
      CHECK(got.error() != errc::end_of_file);
      CHECK(behind.serves_others());
    }
  }
}

TEMPLATE_TEST_CASE("a packet that lies breaks its channel at its place, and what came with it is closed",
                   "[hostile][records]", stream, seqpacket) {
  const auto broken_by = [](const packet& bad, std::size_t descriptors, errc code) {
    record_scene<TestType> here;
    here.send({0, {{"good", 1}}});
    here.send(bad.bytes(), descriptors);
    here.send({2, {{"after", 1}}});
    CHECK(here.receives("good", 1));
    // What has none of its own comes together with the next on a stream.
    here.check_broken(code, record_scene<TestType>::is_stream && descriptors == 0 ? 0 : 1);
  };
  broken_by({1, {{"x", 2}}}, 1, errc::descriptors_missing);
  broken_by({1, {{"x", 2}}}, 0, errc::descriptors_missing);
  broken_by({1, {{"x", 1}}}, 3, errc::descriptors_surplus);
  broken_by({1, {{"x"}}}, 1, errc::descriptors_surplus);
  broken_by({.number = 1, .pieces = {{"x", 1}}, .descriptors = 2}, 2, errc::malformed);
  broken_by({.number = 1, .pieces = {{"x", 3}}, .descriptors = 2}, 2, errc::malformed);
  broken_by({.number = 0, .pieces = {{"x", 1}}}, 1, errc::out_of_sequence);
  broken_by({.number = 2, .pieces = {{"x", 1}}}, 1, errc::out_of_sequence);
  broken_by({.number = 1, .pieces = {{"x", 1}}, .version = 0}, 1, errc::unknown_version);
  broken_by({.number = 1, .pieces = {{"x", 1}}, .version = 2}, 1, errc::unknown_version);
  broken_by({.number = 1, .pieces = {{"x", 1}}, .flags = 1}, 1, errc::malformed);
  broken_by({1, {{"x", 5}}}, 5, errc::over_limit);
  broken_by({1, {{"", 0, abandoned}}}, 0, errc::malformed);
}

TEMPLATE_TEST_CASE("a peer that never ends a record is held to the bounds, and gets no memory for more",
                   "[hostile][records]", stream, seqpacket) {
  record_scene<TestType> here;
  std::uint64_t number = 0;
  for (; number != 50; ++number) here.send({number, {{"xx", 0, more}}});
  CHECK(here.ours().try_receive().error() == would_block);
  here.send({number, {{"x", 0, more}}});
  here.check_broken(errc::over_limit);

  record_scene<TestType> hoarding;  // descriptors that it makes us hold
  for (number = 0; number != 4; ++number) hoarding.send({number, {{"", 1, more}}});
  CHECK(hoarding.ours().try_receive().error() == would_block);
  hoarding.send({number, {{"", 1, more}}});
  hoarding.check_broken(errc::over_limit);
}

TEMPLATE_TEST_CASE("a record that its peer gives up costs its own descriptors, and the next has the right ones",
                   "[hostile][records]", stream, seqpacket) {
  record_scene<TestType> here;
  here.send({0, {{"good", 1}, {"part", 2, more}}});
  here.send({1, {{"", 0, abandoned}, {"next", 1}}});
  here.send({2, {{"last", 2}}});
  CHECK(here.receives("good", 1));
  CHECK(here.hears_of_abandoned(2));
  CHECK(here.receives("next", 1));
  CHECK(here.receives("last", 2));
  CHECK(here.ours().try_receive().error() == would_block);
  CHECK(here.all_are_closed());
  CHECK(here.serves_others());
}

TEMPLATE_TEST_CASE("a peer that is killed within a record costs that record, and what came of it is closed",
                   "[hostile][records]", stream, seqpacket) {
  const auto killed_after = [](const std::string& bytes, errc told) {
    record_scene<TestType> here;
    here.send({0, {{"good", 1}}});
    here.send({1, {{"part", 2, more}}});
    test::mark point;
    test::child peer{[&]() -> bool {
      const bool sent = bytes.empty() || here.peer().send(bytes);
      if (sent) point.reach();
      return ::pause() == 0;
    }};
    {
      const TestType closed{std::move(here.peer())};
    }
    REQUIRE(point.wait());
    CHECK(here.receives("good", 1));
    CHECK(here.ours().try_receive().error() == would_block);
    peer.kill();
    here.check_broken(told);
  };
  SECTION("between two pieces") { killed_after("", errc::record_cut); }
  if constexpr (record_scene<TestType>::is_stream) {
    SECTION("within a packet") {
      const std::string bytes = packet{2, {{"rest"}}}.bytes();
      for (const std::size_t cut : {1U, 16U, 20U, 27U}) killed_after(bytes.substr(0, cut), errc::record_cut);
    }
  }
}
