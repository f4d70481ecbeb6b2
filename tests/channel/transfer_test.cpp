// Messages that go through: bytes, descriptors, in order and whole, over all three types.
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/same_file.hpp"
#include "support/witness.hpp"

#include <scm/channel.hpp>

#include <array>
#include <cstring>
#include <string>
#include <vector>

using namespace scm;
using test::scratch_file;

namespace {

template <class Channel>
std::pair<Channel, Channel> pair() {
  return Channel::pair().value();
}

std::string text(const std::vector<char>& bytes, std::size_t size) { return {bytes.data(), size}; }

}  // namespace

TEMPLATE_TEST_CASE("a message arrives with its bytes and its descriptor", "[transfer]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const owned_fd file = scratch_file();
  REQUIRE(left.send("hello", {file}).value() == 5);

  std::vector<char> buffer(64);
  const auto message = right.receive(buffer, 1);
  REQUIRE(message);
  CHECK(text(buffer, message->size) == "hello");
  REQUIRE(message->descriptors.size() == 1);
  CHECK(test::same_open_file(message->descriptors[0], file));
  CHECK(::fcntl(message->descriptors[0].native_handle(), F_GETFD) == FD_CLOEXEC);
  CHECK_FALSE(message->sender.has_value());
  CHECK_FALSE(message->sender_pidfd);
  CHECK(message->label().empty());
}

TEMPLATE_TEST_CASE("descriptors of every kind arrive in order and are the same open files", "[transfer][no-valgrind]",
                   stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  auto examples = test::one_of_each_kind();
  REQUIRE(examples.size() >= 12);
  std::vector<borrowed_fd> sent;
  for (const auto& e : examples) {
    INFO(e.kind);
    REQUIRE(e.fd);
    sent.push_back(e.fd);
  }
  REQUIRE(left.send("x", sent));

  std::array<std::byte, 8> buffer;
  const auto message = right.receive(buffer, sent.size());
  REQUIRE(message);
  REQUIRE(message->descriptors.size() == sent.size());
  for (std::size_t i = 0; i != sent.size(); ++i) {
    INFO(examples[i].kind);
    CHECK(test::same_open_file(message->descriptors[i], sent[i]));
    CHECK(::fcntl(message->descriptors[i].native_handle(), F_GETFD) == FD_CLOEXEC);
  }
}

TEMPLATE_TEST_CASE("1 to 253 descriptors arrive in order", "[transfer]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  std::vector<owned_fd> files;
  for (int i = 0; i != 16; ++i) files.push_back(scratch_file());

  for (std::size_t count = 1; count <= 253; ++count) {
    INFO(count << " descriptors");
    std::vector<borrowed_fd> sent;
    for (std::size_t i = 0; i != count; ++i) sent.push_back(files[(i * 7 + i / 16) % files.size()]);
    REQUIRE(left.send("x", sent));
    std::array<std::byte, 8> buffer;
    const auto message = right.receive(buffer, count);
    REQUIRE(message);
    REQUIRE(message->descriptors.size() == count);
    bool same = true;
    for (std::size_t i = 0; i != count; ++i) {
      same = same && test::inode_of(message->descriptors[i]) == test::inode_of(sent[i]);
    }
    CHECK(same);
  }
}

TEMPLATE_TEST_CASE("254 descriptors are refused before the kernel is asked", "[transfer]", stream, datagram,
                   seqpacket) {
  auto [left, right] = pair<TestType>();
  const owned_fd file = scratch_file();
  const std::vector<borrowed_fd> many(254, file);
  const auto sent = left.send("x", many);
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == errc::over_limit);
  CHECK(sent.error().bytes_sent == 0);

  std::array<std::byte, 8> buffer;
  CHECK(right.try_receive(buffer, 253).error().code == std::errc::resource_unavailable_try_again);
}

TEMPLATE_TEST_CASE("a received descriptor shares offset and status flags with the sent one", "[transfer]", stream,
                   datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const owned_fd file = scratch_file();
  REQUIRE(::lseek(file.native_handle(), 3, SEEK_SET) == 3);
  REQUIRE(left.send("x", {file}));
  std::array<std::byte, 8> buffer;
  const auto message = right.receive(buffer, 1);
  REQUIRE(message);
  CHECK(::lseek(message->descriptors[0].native_handle(), 0, SEEK_CUR) == 3);
}

TEMPLATE_TEST_CASE("many buffers go out and come in without being joined", "[transfer]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const std::string first = "scatter";
  const std::vector<unsigned char> second{'-', 'g', 'a'};
  REQUIRE(left.send({first, second, "ther"}).value() == 14);

  std::array<char, 4> head{};
  std::vector<char> tail(32);
  const std::array<mutable_buffer, 2> room{head, tail};
  const auto message = right.receive(room, 0);
  REQUIRE(message);
  CHECK(message->size == 14);
  CHECK(std::string(head.data(), 4) + text(tail, 10) == "scatter-gather");
}

TEMPLATE_TEST_CASE("explicit credentials of one's own are sent and shown", "[transfer]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  REQUIRE(right.set(receive_item::credentials, true));
  const owned_fd file = scratch_file();
  REQUIRE(left.send("x", {file}, {.as = credentials::own()}));
  std::array<std::byte, 8> buffer;
  const auto message = right.receive(buffer, 1);
  REQUIRE(message);
  CHECK(message->sender == credentials::own());
  CHECK(message->descriptors.size() == 1);
}

TEMPLATE_TEST_CASE("an owned descriptor is closed once the kernel has it, and kept when the send fails", "[transfer]",
                   stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const test::witness watched;
  owned_fd given = const_cast<test::witness&>(watched).give();
  const int number = given.native_handle();

  SECTION("success") {
    REQUIRE(left.send_owned("x", given));
    CHECK_FALSE(given);
    CHECK(::fcntl(number, F_GETFD) < 0);
    CHECK_FALSE(watched.closed());  // it lives in the queue
    std::array<std::byte, 8> buffer;
    {
      const auto message = right.receive(buffer, 1);
      REQUIRE(message);
      CHECK(watched.is(message->descriptors[0]));
    }
    CHECK(watched.closed());
  }
  SECTION("failure") {
    right = pair<TestType>().first;  // closes the peer
    const auto sent = left.send_owned("x", given);
    REQUIRE_FALSE(sent);
    CHECK(given.native_handle() == number);
    CHECK_FALSE(watched.closed());
  }
}

TEMPLATE_TEST_CASE("a received list can be forwarded as it is, lent or for good", "[transfer]", stream, datagram,
                   seqpacket) {
  auto [left, right] = pair<TestType>();
  test::witness watched;
  {
    owned_fd given = watched.give();
    REQUIRE(left.send_owned("x", given));
  }
  std::array<std::byte, 8> buffer;
  auto message = right.receive(buffer, 1);
  REQUIRE(message);

  REQUIRE(right.send("y", message->descriptors));
  CHECK(message->descriptors.size() == 1);
  REQUIRE(right.send_owned("z", message->descriptors));
  CHECK(message->descriptors.empty());

  REQUIRE(left.receive(buffer, 1)->descriptors.size() == 1);
  REQUIRE(left.receive(buffer, 1)->descriptors.size() == 1);
  CHECK(watched.closed());
}

TEMPLATE_TEST_CASE("a descriptor that is not open sends nothing", "[transfer]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const owned_fd file = scratch_file();
  const auto sent = left.send("x", {file, borrowed_fd{-1}});
  REQUIRE_FALSE(sent);
  CHECK(sent.error().code == std::errc::bad_file_descriptor);
  CHECK(sent.error().descriptors_sent == 0);
  std::array<std::byte, 8> buffer;
  CHECK(right.try_receive(buffer, 2).error().code == std::errc::resource_unavailable_try_again);
}

TEMPLATE_TEST_CASE("what was received into a char array is sent back whole", "[transfer]", stream, datagram,
                   seqpacket) {
  auto [left, right] = pair<TestType>();
  REQUIRE(left.send(std::string_view{"ab\0cdefg", 8}));
  char echo[8];
  REQUIRE(right.receive(echo, 0)->size == 8);
  CHECK(right.send(echo).value() == 8);
  CHECK(left.receive(echo, 0)->size == 8);
  CHECK(std::string_view(echo, 8) == std::string_view("ab\0cdefg", 8));
}

TEMPLATE_TEST_CASE("a socket can be taken out of its channel and put into another", "[transfer]", stream, datagram,
                   seqpacket) {
  auto [left, right] = pair<TestType>();
  owned_fd socket = std::move(left).release();
  CHECK_FALSE(left.fd());
  auto again = TestType::adopt(std::move(socket)).value();
  REQUIRE(again.send("x"));
  std::array<std::byte, 8> buffer;
  CHECK(right.receive(buffer, 0).value().size == 1);
}

TEMPLATE_TEST_CASE("every socket that is made here is close-on-exec", "[transfer]", stream, seqpacket) {
  const auto closes_on_exec = [](const auto& made) {
    return ::fcntl(made.fd().native_handle(), F_GETFD) == FD_CLOEXEC;
  };
  const auto [left, right] = pair<TestType>();
  CHECK(closes_on_exec(left));
  CHECK(closes_on_exec(right));
  auto server = listener<TestType>::bind(address{}).value();
  CHECK(closes_on_exec(server));
  const address here = server.local_address().value();
  CHECK(closes_on_exec(TestType::connect(here).value()));
  CHECK(closes_on_exec(TestType::connect(here, dont_wait).value()));
  CHECK(closes_on_exec(server.accept().value()));
}

TEST_CASE("every datagram socket that is made here is close-on-exec", "[transfer]") {
  const auto closes_on_exec = [](const datagram& made) {
    return ::fcntl(made.fd().native_handle(), F_GETFD) == FD_CLOEXEC;
  };
  const auto [left, right] = pair<datagram>();
  CHECK(closes_on_exec(left));
  CHECK(closes_on_exec(right));
  const auto bound = datagram::bind(address{}).value();
  CHECK(closes_on_exec(bound));
  CHECK(closes_on_exec(datagram::connect(bound.local_address().value()).value()));
  CHECK(closes_on_exec(datagram::open().value()));
}

TEMPLATE_TEST_CASE("channels can be moved", "[transfer]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  TestType moved{std::move(left)};
  CHECK_FALSE(left.fd());
  REQUIRE(moved.send("x"));
  std::array<std::byte, 8> buffer;
  CHECK(right.receive(buffer, 0).value().size == 1);
  CHECK(moved.type() == right.type());
}

TEST_CASE("datagrams go to any address and tell where they came from", "[transfer]") {
  auto receiver = datagram::bind(address::autobind()).value();
  auto sender = datagram::bind(address::autobind()).value();
  auto unnamed = datagram::open().value();
  const address to = receiver.local_address().value();
  const owned_fd file = scratch_file();

  REQUIRE(sender.send_to(to, "named", {file}));
  REQUIRE(unnamed.send_to(to, "unnamed"));
  std::array<std::byte, 16> buffer;
  auto message = receiver.receive(buffer, 1);
  REQUIRE(message);
  CHECK(message->from == sender.local_address().value());
  CHECK(message->descriptors.size() == 1);
  message = receiver.receive(buffer, 1);
  REQUIRE(message);
  REQUIRE(message->from);
  CHECK(message->from->kind() == address::form::unnamed);
}

TEST_CASE("a connected datagram channel sends to its peer", "[transfer]") {
  auto receiver = datagram::bind(address::autobind()).value();
  auto sender = datagram::connect(receiver.local_address().value()).value();
  CHECK(sender.peer_address().value() == receiver.local_address().value());
  REQUIRE(sender.send("x"));
  std::array<std::byte, 4> buffer;
  CHECK(receiver.receive(buffer, 0)->size == 1);
}
