// Hostile peers, 27 to 37: messages of no bytes, one byte at a time, descriptors amid bytes, half-closed ends, junk.
#include "hostile/scene.hpp"
#include "support/beside.hpp"
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/queued.hpp"
#include "support/skip.hpp"

#include <scm/channel.hpp>

#include <atomic>
#include <cstdint>
#include <thread>

using namespace scm;
using namespace std::chrono_literals;
using test::all_closed;
using test::scene;
using test::scratch_file;
using test::send_raw;
using test::send_watched;

namespace {
std::array<std::byte, 8> buffer;

constexpr auto would_block = std::errc::resource_unavailable_try_again;

// SCM_RIGHTS as the kernel takes it, for one descriptor.
test::control_bytes rights_of(borrowed_fd one) {
  test::control_bytes control;
  control.message(SOL_SOCKET, SCM_RIGHTS, {one.native_handle()}).pad();
  return control;
}
}  // namespace

TEMPLATE_TEST_CASE("hostile 27: a message of no bytes brings its descriptors where messages are whole, else nothing",
                   "[hostile]", stream, datagram, seqpacket) {
  scene<TestType> here;
  test::witness watched;
  {
    const owned_fd given = watched.give();
    REQUIRE(send_raw(here.peer().fd(), "", rights_of(given)) == 0);
  }
  if constexpr (std::same_as<TestType, stream>) {
    CHECK(watched.closed());  // the kernel has dropped it (kernel fact C4)
    CHECK(here.ours().try_receive(buffer, 0).error() == would_block);
  } else {
    CHECK(here.ours().receive(buffer, 1)->descriptors.size() == 1);
    CHECK(watched.closed());
    const auto surplus = send_watched(here.peer(), 2, "");
    CHECK(here.ours().receive(buffer, 1).error() == errc::over_limit);
    CHECK(all_closed(surplus));

    // Without a descriptor, a seqpacket message of no bytes reads as the end (kernel fact D1), but ends nothing.
    REQUIRE(send_raw(here.peer().fd(), "") == 0);
    const auto empty = here.ours().try_receive(buffer, 0);
    if constexpr (scene<TestType>::connected) {
      CHECK(empty.error() == errc::end_of_file);
    } else {
      REQUIRE(empty);
      CHECK(empty->size == 0);
    }
  }
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 28: a peer that sends byte by byte keeps no receive past its deadline", "[hostile]", stream,
                   datagram, seqpacket) {
  scene<TestType> here;
  for (int i = 0; i != 20; ++i) {
    const deadline until = in(1ms);
    CHECK(here.ours().receive(buffer, 0, {.until = until}).error() == std::errc::timed_out);
    CHECK(std::chrono::steady_clock::now() >= until);
    REQUIRE(here.peer().send("x"));
    CHECK(here.ours().receive(buffer, 0, {.until = test::patience()})->size == 1);  // what there is, at once
  }

  // One deadline for a thousand bytes, of which one comes each millisecond or two: each byte is returned as it comes,
  // and none of them extends the time.
  std::atomic<bool> stop = false;
  test::beside dripping{[&stop, &from = here.peer()] {
    while (!stop) {
      if (!from.send("x")) return false;
      std::this_thread::sleep_for(1ms);
    }
    return true;
  }};
  std::size_t bytes = 0;
  const deadline until = in(50ms);
  std::error_code ended;
  while (!ended && bytes < 1000) {
    const auto got = here.ours().receive(buffer, 0, {.until = until});
    if (got) bytes += got->size;
    if (!got) ended = got.error();
  }
  stop = true;
  CHECK(dripping.succeeded());
  CHECK(ended == std::errc::timed_out);
  CHECK(bytes > 0);
  while (here.ours().try_receive(buffer, 0)) {
  }
  CHECK(here.serves());
}

TEST_CASE("hostile 31: a descriptor amid bytes comes with its own byte, and perhaps with those before, never later",
          "[hostile]") {
  scene<stream> here;
  const owned_fd file = scratch_file();
  for (std::size_t room = 1; room <= 16; ++room) {
    INFO("receives of " << room);
    REQUIRE(here.peer().send("plain"));
    REQUIRE(here.peer().send("with", {file}));
    REQUIRE(here.peer().send("after"));
    std::vector<char> bytes(room);
    for (std::size_t begin = 0; begin != 14;) {
      const auto got = here.ours().receive(bytes, 1, {.until = test::patience()});
      REQUIRE(got);
      const std::size_t end = begin + got->size;
      // Byte 5 is the first that was sent with it; a receive ends behind its message, not before (kernel fact C1).
      CHECK(got->descriptors.size() == (begin <= 5 && end > 5 ? 1 : 0));
      CHECK((begin > 5 || end <= 9));
      begin = end;
    }
  }
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 32: descriptors of two sends never come in one receive", "[hostile]", stream, datagram,
                   seqpacket) {
  scene<TestType> here;
  for (int i = 0; i != 3; ++i) send_watched(here.peer(), 1, "abc");
  std::array<std::byte, 64> large;
  for (int i = 0; i != 3; ++i) {
    const auto got = here.ours().receive(large, 253);
    REQUIRE(got);
    CHECK(got->size == 3);
    CHECK(got->descriptors.size() == 1);
  }
  // One record claims one descriptor and the next none; the receiver that allows one is safe with either.
  const auto first = send_watched(here.peer(), 1, "one");
  REQUIRE(here.peer().send("none"));
  CHECK(here.ours().receive(large, 1)->descriptors.size() == 1);
  CHECK(here.ours().receive(large, 0)->size == 4);
  CHECK(all_closed(first));
  CHECK(here.serves());
}

TEST_CASE("hostile 33: an urgent byte comes in line, and brings its descriptor", "[hostile]") {
  scene<stream> here;
  auto [left, right] = stream::pair().value();
  for (auto [from, to] :
       {std::pair{&left, &right}, std::pair{&here.peer(), &here.ours()}, std::pair{&here.ours(), &here.peer()}}) {
    test::witness watched;
    {
      const owned_fd given = watched.give();
      REQUIRE(from->send("ab"));
      if (send_raw(from->fd(), "!", rights_of(given), MSG_OOB) != 1) {
        SCM_SKIP("this kernel has no urgent bytes on Unix streams (CONFIG_AF_UNIX_OOB)");
      }
    }
    REQUIRE(from->send("cd"));
    std::array<std::byte, 16> room;
    std::size_t bytes = 0;
    std::size_t descriptors = 0;
    while (bytes != 5) {
      const auto got = to->receive(room, 1, {.until = test::patience()});
      REQUIRE(got);
      bytes += got->size;
      descriptors += got->descriptors.size();
    }
    CHECK(descriptors == 1);
    CHECK(watched.closed());
  }
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("whole messages have no urgent bytes", "[hostile]", datagram, seqpacket) {
  scene<TestType> here;
  CHECK(send_raw(here.peer().fd(), "!", {}, MSG_OOB) == -1);
  CHECK(errno == EOPNOTSUPP);
  CHECK(here.ours().try_receive(buffer, 0).error() == would_block);
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 34: after a shutdown what was queued arrives, and nothing of what is sent then",
                   "[hostile]", stream, datagram, seqpacket) {
  scene<TestType> here;
  auto watched = send_watched(here.peer(), 1, "last");
  test::witness late;
  SECTION("the peer's own") { REQUIRE(here.peer().shutdown_send()); }
  if constexpr (scene<TestType>::connected) {  // a datagram socket would be shut to everybody
    SECTION("ours, for receiving") { REQUIRE(::shutdown(here.ours().fd().native_handle(), SHUT_RD) == 0); }
  }
  {
    const owned_fd given = late.give();
    CHECK(here.peer().send("late", {given}).error() == std::errc::broken_pipe);
    CHECK(send_raw(here.peer().fd(), "late", rights_of(given)) == -1);
  }
  CHECK(late.closed());
  CHECK(here.ours().receive(buffer, 1)->descriptors.size() == 1);
  CHECK(all_closed(watched));
  for (int i = 0; i != 2; ++i) CHECK(test::nothing_follows(here.ours()));
  CHECK(here.serves_others());
}

TEMPLATE_TEST_CASE("hostile 35: a half-closed peer is still served the other way", "[hostile]", stream, datagram,
                   seqpacket) {
  auto [peer, ours] = TestType::pair().value();
  SECTION("it sends no more, and still receives") {
    REQUIRE(peer.shutdown_send());
    CHECK(test::nothing_follows(ours));
    CHECK(test::honest_message(ours, peer));
  }
  SECTION("it receives no more, and still sends") {
    REQUIRE(::shutdown(peer.fd().native_handle(), SHUT_RD) == 0);
    test::witness watched;
    owned_fd given = watched.give();
    CHECK(ours.send_owned("x", given).error() == std::errc::broken_pipe);
    CHECK_FALSE(watched.closed());  // ours still
    CHECK(ours.send_owned("x", given, {.until = test::patience()}).error() == std::errc::broken_pipe);
    CHECK(test::honest_message(peer, ours));
  }
}

TEMPLATE_TEST_CASE("hostile 36: a message longer than its buffer is an error and its descriptors are closed",
                   "[hostile]", datagram, seqpacket) {
  scene<TestType> here;
  for (const std::size_t size : {9U, 4096U, 200'000U}) {
    INFO(size << " bytes for " << buffer.size());
    const auto watched = send_watched(here.peer(), 2, std::vector<char>(size, 'x'));
    const auto got = here.ours().receive(buffer, 2);
    REQUIRE_FALSE(got);
    CHECK(got.error().code == errc::payload_cut);
    CHECK(got.error().installed == 2);
    CHECK(all_closed(watched));
    CHECK(here.serves_after_loss());
  }
  CHECK(here.peer().send(std::vector<char>(1 << 20, 'x')).error() == std::errc::message_size);  // more than its queue
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 37: junk behind the control data is the kernel's to refuse, and never becomes a descriptor",
                   "[hostile]", stream, datagram, seqpacket) {
  scene<TestType> here;
  for (std::size_t junk = 1; junk <= 3 * cmsg_header_size(); ++junk) {
    for (const std::uint8_t byte : std::initializer_list<std::uint8_t>{0x00, 0x01, 0xff}) {
      INFO(junk << " bytes " << int{byte});
      test::witness watched;
      bool sent = false;
      {
        const owned_fd given = watched.give();
        auto control = rights_of(given);
        sent = send_raw(here.peer().fd(), "x", control.fill(junk, byte)) == 1;
        // What is too short for a header is ignored (by a 64-bit kernel for its own programs); a length of 0, of one
        // that reaches past the end, or of less than the header is EINVAL (kernel fact G).
        CHECK((sent || errno == EINVAL));
        if (abi::native == abi::lp64) CHECK(sent == (junk < cmsg_header_size()));
      }
      if (sent) {
        const auto got = here.ours().receive(buffer, 1, {.until = test::patience()});
        REQUIRE(got);
        REQUIRE(got->descriptors.size() == 1);
        CHECK(watched.is(got->descriptors[0]));
      }
      CHECK(watched.closed());
    }
  }
  CHECK(here.ours().try_receive(buffer, 1).error() == would_block);

  // Messages of another level are nobody's, whatever they hold: the kernel passes over them.
  test::witness watched;
  {
    const owned_fd given = watched.give();
    test::control_bytes foreign;
    foreign.message(SOL_SOCKET + 1, SCM_RIGHTS, {given.native_handle()}).pad();
    REQUIRE(send_raw(here.peer().fd(), "x", foreign) == 1);
  }
  CHECK(watched.closed());
  CHECK(here.ours().receive(buffer, 0, {.until = test::patience()})->size == 1);
  CHECK(here.serves());
}
