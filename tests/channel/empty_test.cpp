// Messages of no bytes, and the end of file that they resemble.
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/witness.hpp"

#include <scm/channel.hpp>

#include <array>

using namespace scm;
using test::scratch_file;

namespace {
std::array<std::byte, 8> buffer;

template <class Channel>
std::pair<Channel, Channel> pair() {
  return Channel::pair().value();
}
}  // namespace

TEST_CASE("descriptors on an empty stream message are refused: the kernel would drop them", "[empty]") {
  auto [left, right] = pair<stream>();
  const owned_fd file = scratch_file();
  CHECK(left.send("", {file}).error().code == errc::empty_message);
  CHECK(left.send(const_buffers{}, {file}).error().code == errc::empty_message);
  CHECK(left.send({"", ""}, {file}).error().code == errc::empty_message);
  CHECK(left.send_all("", {file}).error().code == errc::empty_message);
}

TEST_CASE("an empty seqpacket message without descriptors is refused: it would read as end of file", "[empty]") {
  auto [left, right] = pair<seqpacket>();
  CHECK(left.send("").error().code == errc::empty_message);
}

TEMPLATE_TEST_CASE("an empty message with descriptors arrives", "[empty]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const owned_fd file = scratch_file();
  REQUIRE(left.send("", {file}).value() == 0);
  const auto message = right.receive(buffer, 1);
  REQUIRE(message);
  CHECK(message->size == 0);
  CHECK(message->descriptors.size() == 1);
}

TEST_CASE("an empty datagram arrives", "[empty]") {
  auto [left, right] = pair<datagram>();
  REQUIRE(left.send("").value() == 0);
  CHECK(right.receive(buffer, 0)->size == 0);
}

TEMPLATE_TEST_CASE("end of file is an error of its own", "[empty]", stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  REQUIRE(left.send("last"));
  REQUIRE(left.shutdown_send());
  CHECK(right.receive(buffer, 0)->size == 4);
  for (int i = 0; i != 2; ++i) CHECK(right.receive(buffer, 0).error().code == errc::end_of_file);
  CHECK(right.receive_partial(buffer, 0).error().code == errc::end_of_file);
}

TEST_CASE("an end of file never shows credentials, though the kernel attaches root's to it", "[empty]") {
  auto [left, right] = pair<stream>();
  REQUIRE(right.set(receive_item::credentials, true));
  REQUIRE(left.shutdown_send());
  CHECK(right.receive(buffer, 0).error().code == errc::end_of_file);
}

TEST_CASE("with credentials on, an empty seqpacket message of another program is told from end of file", "[empty]") {
  auto [left, right] = pair<seqpacket>();
  REQUIRE(right.set(receive_item::credentials, true));
  REQUIRE(::send(left.fd().native_handle(), "", 0, MSG_NOSIGNAL) == 0);
  const auto message = right.receive(buffer, 0);
  REQUIRE(message);
  CHECK(message->size == 0);
  CHECK(message->sender == credentials::own());
}

TEST_CASE("an empty seqpacket message whose descriptors were lost is a loss, not an end of file", "[empty]") {
  auto [left, right] = pair<seqpacket>();
  test::witness watched;
  owned_fd given = watched.give();
  const std::array<borrowed_fd, 1> one{given};
  REQUIRE(left.send("", one));
  given.reset();
  REQUIRE(left.send("after"));
  // Nothing is asked for, and one is seen: room for max + 1.
  const auto lost = right.receive(buffer, 0);
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == errc::over_limit);
  CHECK(watched.closed());
  CHECK(right.receive(buffer, 0)->size == 5);
}

TEST_CASE("a stream refuses an empty buffer, which would part descriptors from their bytes", "[empty]") {
  auto [left, right] = pair<stream>();
  const owned_fd file = scratch_file();
  REQUIRE(left.send("x", {file}));
  CHECK(right.receive(mutable_buffers{}, 1).error().code == std::errc::invalid_argument);
  CHECK(right.receive(mutable_buffer{}, 1).error().code == std::errc::invalid_argument);
  CHECK(right.receive(buffer, 1)->descriptors.size() == 1);
}

TEMPLATE_TEST_CASE("descriptors can be taken without room for bytes where a message is whole", "[empty]", datagram,
                   seqpacket) {
  auto [left, right] = pair<TestType>();
  const owned_fd file = scratch_file();
  REQUIRE(left.send("", {file}));
  const auto message = right.receive(mutable_buffer{}, 1);
  REQUIRE(message);
  CHECK(message->descriptors.size() == 1);
}
