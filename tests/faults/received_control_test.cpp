// Control data that this kernel does not make today: refused slots, cut items, and what makes no sense.
#include "support/bytes.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/kinds.hpp"
#include "support/witness.hpp"

#include <scm/channel.hpp>

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

using namespace scm;

namespace {
std::array<std::byte, 64> buffer;

// Receives on `end` what `rewrite` makes of the control data that the kernel wrote.
class rewritten {
 public:
  using rewrite = std::function<void(msghdr& message)>;
  explicit rewritten(rewrite change)
      : installed_{[change = std::move(change)](sys::call which, void* argument, long& result) {
          if (which != sys::call::recvmsg) return false;
          auto& message = *static_cast<msghdr*>(argument);
          result = ::recvmsg(socket(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
          if (result >= 0) change(message);
          return true;
        }} {}
  static int& socket() {
    static int number = -1;
    return number;
  }

 private:
  test::faults installed_;
};

// Appends a message of any kind behind what is there.
void add(msghdr& message, int level, int type, const void* payload, std::size_t size) {
  cmsghdr header{};
  header.cmsg_len = CMSG_LEN(size);
  header.cmsg_level = level;
  header.cmsg_type = type;
  auto* const end = static_cast<std::byte*>(message.msg_control) + message.msg_controllen;
  std::memcpy(end, &header, sizeof header);
  std::memcpy(end + CMSG_LEN(0), payload, size);
  message.msg_controllen += CMSG_SPACE(size);
}

template <class Channel>
std::pair<Channel, Channel> pair() {
  auto ends = Channel::pair().value();
  rewritten::socket() = ends.second.fd().native_handle();
  return ends;
}
}  // namespace

TEMPLATE_TEST_CASE("a refused slot is an error; the other descriptors are closed and no number is for it", "[refused]",
                   stream, datagram, seqpacket) {
  for (const int refusal : {-1, -13, -24, -4095}) {
    for (const std::size_t slot : {0U, 1U}) {
      auto [left, right] = pair<TestType>();
      test::witness watched;
      const owned_fd file = test::scratch_file();
      owned_fd given = watched.give();
      REQUIRE(left.send("x", slot == 0 ? borrowed_fds{{file, given}} : borrowed_fds{{given, file}}));
      given.reset();
      const rewritten denied{[&](msghdr& message) {
        int taken = -1;
        auto* const place = CMSG_DATA(CMSG_FIRSTHDR(&message)) + slot * sizeof(int);
        std::memcpy(&taken, place, sizeof taken);
        ::close(taken);
        std::memcpy(place, &refusal, sizeof refusal);
      }};
      const auto got = right.receive(buffer, 2);
      REQUIRE_FALSE(got);
      CHECK(got.error().code == errc::refused);
      CHECK(got.error().installed == 1);
      CHECK(watched.closed());
    }
  }
}

TEST_CASE("a refused slot over the maximum is no surplus, since there was nothing to close", "[refused]") {
  for (const bool partial : {false, true}) {
    auto [left, right] = pair<seqpacket>();
    const owned_fd file = test::scratch_file();
    REQUIRE(left.send("x", {file, file}));
    const rewritten denied{[](msghdr& message) {
      int taken = -1;
      auto* const second = CMSG_DATA(CMSG_FIRSTHDR(&message)) + sizeof(int);
      std::memcpy(&taken, second, sizeof taken);
      ::close(taken);
      const int refusal = -EACCES;
      std::memcpy(second, &refusal, sizeof refusal);
    }};
    const auto got = partial ? right.receive_partial(buffer, 1) : right.receive(buffer, 1);
    if (partial) {
      REQUIRE(got);
      CHECK(got->surplus == 0);
      CHECK(test::inode_of(got->descriptors[0]) == test::inode_of(file));
    } else {
      CHECK(got.error().code == errc::refused);
      CHECK(got.error().installed == 1);
    }
  }
}

TEST_CASE("a partial receive keeps a refused slot in its place, with the reason", "[refused]") {
  auto [left, right] = pair<seqpacket>();
  const owned_fd a = test::scratch_file();
  const owned_fd b = test::scratch_file();
  REQUIRE(left.send("x", {a, b}));
  const rewritten denied{[](msghdr& message) {
    int taken = -1;
    std::memcpy(&taken, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof taken);
    ::close(taken);
    const int refusal = -EACCES;
    std::memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &refusal, sizeof refusal);
  }};
  auto got = right.receive_partial(buffer, 2);
  REQUIRE(got);
  REQUIRE(got->descriptors.size() == 2);
  CHECK_FALSE(got->descriptors[0]);
  CHECK(got->descriptors.refusal(0) == std::errc::permission_denied);
  CHECK(test::inode_of(got->descriptors[1]) == test::inode_of(b));
  CHECK_FALSE(got->descriptors.refusal(1));
}

TEST_CASE("a cut item is malformed and what came with it is closed", "[malformed]") {
  struct item {
    int type;
    std::size_t size;
  };
  for (const item cut : {item{SCM_CREDENTIALS, 0}, item{SCM_CREDENTIALS, 4}, item{SCM_CREDENTIALS, 11}, item{4, 0},
                         item{4, 3}, item{84, 2}, item{35, 15}, item{29, 8}}) {
    INFO("type " << cut.type << ", " << cut.size << " bytes");
    auto [left, right] = pair<seqpacket>();
    REQUIRE(right.set(receive_item::timestamp, true));  // the room that the item will take
    test::witness watched;
    owned_fd given = watched.give();
    REQUIRE(left.send_owned("x", given));
    const rewritten added{[&](msghdr& message) {
      message.msg_controllen = 0;  // replaces the timestamp, and puts the rights behind
      std::vector<std::byte> before(static_cast<std::byte*>(message.msg_control) + 32,
                                    static_cast<std::byte*>(message.msg_control) + 56);
      const std::array<std::byte, 16> zeros{};
      add(message, SOL_SOCKET, cut.type, zeros.data(), cut.size);
      std::memcpy(static_cast<std::byte*>(message.msg_control) + message.msg_controllen, before.data(), before.size());
      message.msg_controllen += before.size();
    }};
    const auto got = right.receive(buffer, 1);
    REQUIRE_FALSE(got);
    CHECK(got.error().code == errc::malformed);
    CHECK(got.error().installed == 1);
    CHECK(watched.closed());
  }
}

TEST_CASE("a partial receive lets a cut item pass where the cut was told, and only there", "[malformed]") {
  for (const bool told : {true, false}) {
    auto [left, right] = pair<seqpacket>();
    REQUIRE(right.set(receive_item::credentials, true));
    const owned_fd file = test::scratch_file();
    REQUIRE(left.send("x", {file}));
    const rewritten cut{[&](msghdr& message) {
      // The credentials lose their last word, which costs the rights their place: they go, as the kernel would.
      int taken = -1;
      std::memcpy(&taken, static_cast<std::byte*>(message.msg_control) + CMSG_SPACE(12) + CMSG_LEN(0), sizeof taken);
      ::close(taken);
      const std::size_t length = CMSG_LEN(8);
      std::memcpy(message.msg_control, &length, sizeof length);
      message.msg_controllen = length;
      if (told) message.msg_flags |= MSG_CTRUNC;
    }};
    const auto got = right.receive_partial(buffer, 1);
    if (told) {
      REQUIRE(got);
      CHECK(got->descriptors_lost);
      CHECK_FALSE(got->sender);
    } else {
      CHECK(got.error() == errc::malformed);
    }
  }
}

TEST_CASE("a walk that ends in nonsense is malformed and what came before it is closed", "[malformed]") {
  auto [left, right] = pair<seqpacket>();
  test::witness watched;
  owned_fd given = watched.give();
  REQUIRE(left.send_owned("x", given));
  REQUIRE(right.set(receive_item::credentials, true));
  const rewritten nonsense{[](msghdr& message) {
    message.msg_controllen = 48;
    auto* const second = reinterpret_cast<cmsghdr*>(static_cast<std::byte*>(message.msg_control) + 24);
    std::memcpy(second, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
  }};
  // Credentials come first; without them in the room the rights do.
  REQUIRE(right.set(receive_item::credentials, false));
  REQUIRE(right.set(receive_item::timestamp, false));
  const auto got = right.receive(buffer, 8);
  REQUIRE_FALSE(got);
  CHECK(got.error().code == errc::malformed);
  CHECK(watched.closed());
}

TEST_CASE("the kernel is given clear room for control data, whatever was in memory before", "[malformed]") {
  auto [left, right] = pair<seqpacket>();
  REQUIRE(left.send("x"));
  std::size_t room = 0;
  bool clear = false;
  const test::faults looking{[&](sys::call which, void* argument, long&) {
    if (which == sys::call::recvmsg) {
      const auto& message = *static_cast<msghdr*>(argument);
      room = message.msg_controllen;
      clear =
          std::all_of(static_cast<std::byte*>(message.msg_control), static_cast<std::byte*>(message.msg_control) + room,
                      [](std::byte b) { return b == std::byte{}; });
    }
    return false;
  }};
  // Room for few descriptors is inside the message, which is made where it is returned to.
  using outcome = result<message, receive_error>;
  alignas(outcome) std::byte memory[sizeof(outcome)];
  std::memset(memory, 0xaa, sizeof memory);
  auto* const got = ::new (memory) outcome(right.receive(buffer, 1));
  CHECK(got->has_value());
  std::destroy_at(got);
  CHECK(room >= CMSG_SPACE(2 * sizeof(int)));
  CHECK(clear);
}

TEST_CASE("a receive that wrote no control data shows none, whatever the length says", "[malformed]") {
  auto [left, right] = pair<stream>();
  REQUIRE(left.send("x"));
  const rewritten claims{[](msghdr& message) { message.msg_controllen = 24; }};
  const auto got = right.receive(buffer, 1);
  REQUIRE_FALSE(got);
  CHECK(got.error().code == errc::malformed);
  CHECK(right.receive(buffer, 1).error().code == errc::receive_side_dead);
}

TEST_CASE("a length beyond the room is held to the room", "[malformed]") {
  auto [left, right] = pair<seqpacket>();
  REQUIRE(left.send("x"));
  const rewritten claims{[](msghdr& message) { message.msg_controllen = SIZE_MAX; }};
  CHECK(right.receive(buffer, 1).error().code == errc::malformed);
}

TEST_CASE("a message of a type unknown here is handed on untouched", "[unknown]") {
  auto [left, right] = pair<seqpacket>();
  REQUIRE(right.set(receive_item::timestamp, true));
  const owned_fd file = test::scratch_file();
  REQUIRE(left.send("x", {file}));
  const rewritten added{[](msghdr& message) {
    std::memcpy(static_cast<std::byte*>(message.msg_control) + 12, "\x63\0\0", 4);  // the timestamp's type becomes 99
  }};
  const auto got = right.receive(buffer, 1);
  REQUIRE(got);
  CHECK(got->descriptors.size() == 1);
  CHECK_FALSE(got->queued_at);
  auto walk = got->control();
  const auto unknown = walk.next();
  REQUIRE(unknown);
  CHECK(kind_of(*unknown) == control_kind::unknown);
  CHECK(unknown->type == 99);
  CHECK(unknown->payload.size() == 16);
}

TEST_CASE("descriptors are those of the socket level: another level's message of their type is handed on",
          "[unknown]") {
  auto [left, right] = pair<seqpacket>();
  REQUIRE(right.set(receive_item::timestamp, true));
  REQUIRE(left.send("x"));
  test::witness watched;
  const owned_fd ours = watched.give();
  {
    const rewritten replaced{[&ours](msghdr& message) {
      const int number = ours.native_handle();
      message.msg_controllen = 0;
      add(message, IPPROTO_IPV6, SCM_RIGHTS, &number, sizeof number);
    }};
    const auto got = right.receive(buffer, 1);
    REQUIRE(got);
    CHECK(got->descriptors.empty());
    CHECK(got->control().next()->level == IPPROTO_IPV6);
  }
  CHECK_FALSE(watched.closed());
}

TEST_CASE("a datagram's sender with an address of another family has none", "[malformed]") {
  auto [left, right] = pair<datagram>();
  REQUIRE(left.send("x"));
  const rewritten elsewhere{[](msghdr& message) {
    static_cast<sockaddr_un*>(message.msg_name)->sun_family = AF_INET;
    message.msg_namelen = 16;
  }};
  const auto got = right.receive(buffer, 0);
  REQUIRE(got);
  CHECK(got->size == 1);
  CHECK_FALSE(got->from);
}

TEST_CASE("a security label comes with the message, without its terminator", "[label]") {
  auto [left, right] = pair<seqpacket>();
  REQUIRE(right.set(receive_item::timestamp, true));
  REQUIRE(left.send("x"));
  const rewritten added{[](msghdr& message) {
    message.msg_controllen = 0;
    add(message, SOL_SOCKET, 3, "system_u:object", 16);
  }};
  const auto got = right.receive(buffer, 1);
  REQUIRE(got);
  CHECK(got->label() == "system_u:object");
}
