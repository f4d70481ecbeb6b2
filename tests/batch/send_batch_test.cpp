// Batches out: every message once, and the error of each that fails.
#include "support/beside.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/witness.hpp"

#include <scm/batch.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;

namespace {

const std::error_code would_block{EAGAIN, std::system_category()};
std::array<char, 64> buffer;

template <class Channel>
std::pair<Channel, Channel> pair() {
  return Channel::pair().value();
}

template <class Channel>
std::string next(Channel& at, std::size_t descriptors = 0) {
  const auto got = at.try_receive(buffer, descriptors);
  if (!got) return got.error().code.message();
  return got->descriptors.size() == descriptors ? std::string{buffer.data(), got->size} : "other descriptors";
}

template <class Channel>
constexpr bool sends_through = requires(send_batch batch, Channel channel) { batch.send(channel); };
static_assert(sends_through<datagram> && sends_through<seqpacket> && !sends_through<stream>);

}  // namespace

TEMPLATE_TEST_CASE("a batch goes out in order, each message with its bytes and descriptors", "[batch]", datagram,
                   seqpacket) {
  auto [left, right] = pair<TestType>();
  auto batch = send_batch::make(32, 3).value();
  CHECK(batch.capacity() == 32);
  std::vector<owned_fd> files;
  for (int i = 0; i != 5; ++i) files.push_back(test::scratch_file());
  for (int round = 0; round != 3; ++round) {
    std::vector<std::string> texts;
    for (int i = 0; i != 32; ++i) texts.push_back("message " + std::to_string(i));
    for (std::size_t i = 0; i != 32; ++i) {
      std::vector<borrowed_fd> some;
      for (std::size_t d = 0; d != i % 4; ++d) some.push_back(files[(i + d) % 5]);
      REQUIRE(batch.add(texts[i], some));
    }
    CHECK(batch.size() == 32);
    REQUIRE(batch.send(left).value() == 32);
    CHECK(batch.empty());
    for (std::size_t i = 0; i != 32; ++i) {
      const auto got = right.try_receive(buffer, 3);
      REQUIRE(got);
      CHECK(std::string_view{buffer.data(), got->size} == texts[i]);
      REQUIRE(got->descriptors.size() == i % 4);
      for (std::size_t d = 0; d != i % 4; ++d) {
        CHECK(test::inode_of(got->descriptors[d]) == test::inode_of(files[(i + d) % 5]));
      }
    }
  }
  for (const owned_fd& file : files) CHECK(::fcntl(file.native_handle(), F_GETFD) >= 0);  // borrowed, and still open
  CHECK(batch.send(left).value() == 0);
}

TEMPLATE_TEST_CASE("when a message cannot be sent, those before it are, and its error is that of the next send",
                   "[batch]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  auto batch = send_batch::make(8, 2).value();
  const owned_fd file = test::scratch_file();
  REQUIRE(batch.add("0", file.get()));
  REQUIRE(batch.add("1"));
  REQUIRE(batch.add("2", {file, borrowed_fd{1'000'000}}));
  REQUIRE(batch.add("3", file.get()));
  CHECK(batch.send(left).value() == 2);
  CHECK(batch.size() == 2);
  for (int again = 0; again != 2; ++again) {
    CHECK(batch.send(left).error() == std::errc::bad_file_descriptor);
    CHECK(batch.size() == 2);
  }
  batch.skip();
  CHECK(batch.send(left).value() == 1);
  CHECK(batch.empty());
  batch.skip();
  CHECK(batch.empty());
  CHECK(next(right, 1) == "0");
  CHECK(next(right) == "1");
  CHECK(next(right, 1) == "3");
  CHECK(next(right) == would_block.message());
}

TEMPLATE_TEST_CASE("what a full queue takes of a batch is counted, and the rest goes later, each message once",
                   "[batch]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  auto batch = send_batch::make(1024, 1).value();
  const owned_fd file = test::scratch_file();
  std::vector<std::uint32_t> numbers(1024);
  for (std::uint32_t i = 0; i != 1024; ++i) {
    numbers[i] = i;
    REQUIRE(batch.add(const_buffer{&numbers[i], sizeof i}, file.get()));
  }
  CHECK(batch.add("x").error() == errc::over_limit);

  std::uint32_t arrived = 0;
  const auto drain = [&, &end = right](int most) {
    std::uint32_t number = 0;
    while (most-- != 0) {
      const auto got = end.try_receive(mutable_buffer{&number, sizeof number}, 1);
      if (!got || got->descriptors.size() != 1 || number != arrived) return;
      ++arrived;
    }
  };
  std::size_t sent = 0;
  int partial = 0;
  while (!batch.empty()) {
    const auto taken = batch.try_send(left);
    if (taken) {
      sent += *taken;
      partial += !batch.empty();
      CHECK(batch.size() == 1024 - sent);
      continue;
    }
    REQUIRE(taken.error().code == would_block);
    CHECK(batch.send(left, in(1ms)).error() == std::errc::timed_out);
    drain(250);
  }
  CHECK(partial > 0);
  drain(-1);
  CHECK(arrived == 1024);
}

TEMPLATE_TEST_CASE("without a deadline a batch goes out whole while the peer drains", "[batch]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  auto batch = send_batch::make(1000, 1).value();
  const owned_fd file = test::scratch_file();
  for (int i = 0; i != 1000; ++i) REQUIRE(batch.add("x", file.get()));
  test::beside reader{[&end = right] {
    auto arriving = receive_batch::make(64, 8, 1).value();
    for (std::size_t count = 0; count != 1000;) {
      const auto got = arriving.receive(end, {.until = in(10s)});
      if (!got) return false;
      for (const received& one : arriving) {
        if (one.loss || one.content.descriptors.size() != 1) return false;
      }
      count += *got;
    }
    return true;
  }};
  CHECK(batch.send(left).value() == 1000);
  CHECK(reader.succeeded());
}

TEST_CASE("a batch has room for what it was made for and refuses more", "[batch]") {
  CHECK(send_batch::make(0, 1).error() == std::errc::invalid_argument);
  CHECK(send_batch::make(1025, 1).error() == std::errc::invalid_argument);
  CHECK(send_batch::make(1, 1, 0).error() == std::errc::invalid_argument);
  CHECK(send_batch::make(1, 1, 1025).error() == std::errc::invalid_argument);

  auto batch = send_batch::make(2, 1, 2).value();
  const owned_fd file = test::scratch_file();
  CHECK(batch.add("x", {file, file}).error() == errc::over_limit);
  CHECK(batch.add({"a", "b", "c"}).error() == errc::over_limit);
  CHECK(batch.empty());
  CHECK(batch.add({"a", "b"}, file.get()));
  CHECK(batch.add("c"));
  CHECK(batch.add("d").error() == errc::over_limit);
  CHECK(batch.size() == 2);
  batch.clear();
  CHECK(batch.add("e"));

  auto most = send_batch::make(1, 1000).value();
  CHECK(most.add("x", std::vector<borrowed_fd>(254, file)).error() == errc::over_limit);
}

TEMPLATE_TEST_CASE("each message of a batch can carry 253 descriptors and several buffers", "[batch]", datagram,
                   seqpacket) {
  auto [left, right] = pair<TestType>();
  auto batch = send_batch::make(2, 253, 3).value();
  const owned_fd file = test::scratch_file();
  const std::vector<borrowed_fd> many(253, file);
  REQUIRE(batch.add({"a", "b", "c"}, many, {.as = credentials::own()}));
  REQUIRE(batch.add({"d", "e"}, many));
  REQUIRE(batch.send(left).value() == 2);
  CHECK(next(right, 253) == "abc");
  CHECK(next(right, 253) == "de");
}

TEST_CASE("a seqpacket batch refuses what would read as an end of file, and what the kernel would ignore", "[batch]") {
  auto [left, right] = pair<seqpacket>();
  auto batch = send_batch::make(8, 1).value();
  const owned_fd file = test::scratch_file();
  const address somewhere = address::abstract("somewhere").value();
  REQUIRE(batch.add("0"));
  REQUIRE(batch.add("", file.get()));
  REQUIRE(batch.add(""));
  REQUIRE(batch.add("3", {}, {.to = &somewhere}));
  REQUIRE(batch.add("4"));
  CHECK(batch.send(left).value() == 2);
  CHECK(batch.send(left).error() == errc::empty_message);
  batch.skip();
  CHECK(batch.send(left).error() == std::errc::already_connected);
  batch.skip();
  CHECK(batch.send(left).value() == 1);
  CHECK(next(right) == "0");
  CHECK(next(right, 1) == "");
  CHECK(next(right) == "4");
}

TEST_CASE("each datagram of a batch can go to an address of its own, with an identity of its own", "[batch]") {
  auto first = datagram::bind(address::autobind()).value();
  auto second = datagram::bind(address::autobind()).value();
  REQUIRE(first.set(receive_item::credentials, true));
  auto from = datagram::open().value();
  const address to_first = first.local_address().value();
  const address to_second = second.local_address().value();
  const address nobody = address::abstract("scm-test-nobody-is-here").value();
  auto batch = send_batch::make(4, 1).value();
  REQUIRE(batch.add("1", {}, {.to = &to_first, .as = credentials::own()}));
  REQUIRE(batch.add("2", {}, {.to = &to_second}));
  REQUIRE(batch.add("3", {}, {.to = &nobody}));
  REQUIRE(batch.add("", {}, {.to = &to_second}));  // a datagram like any other
  CHECK(batch.send(from).value() == 2);
  CHECK(batch.send(from).error() == std::errc::connection_refused);
  batch.skip();
  CHECK(batch.send(from).value() == 1);
  const auto got = first.try_receive(buffer, 0);
  REQUIRE(got);
  CHECK(got->sender == credentials::own());
  CHECK(next(second) == "2");
  CHECK(next(second) == "");
}

TEST_CASE("an identity that may not be claimed costs its message alone", "[batch]") {
  test::child nobody{[] {
    if (!test::become_nobody()) return false;
    auto [left, right] = pair<seqpacket>();
    auto batch = send_batch::make(4, 1).value();
    if (!batch.add("0", {}, {.as = credentials::own()}) || !batch.add("1", {}, {.as = credentials{1, 0, 0}})) {
      return false;
    }
    return batch.send(left).value() == 1 && batch.send(left).error() == std::errc::operation_not_permitted;
  }};
  CHECK(nobody.succeeded());
}

TEST_CASE("to a peer that is gone, nothing of a batch is sent", "[batch]") {
  auto [left, right] = pair<seqpacket>();
  auto batch = send_batch::make(4, 1).value();
  REQUIRE(batch.add("0"));
  REQUIRE(batch.add("1"));
  {
    const seqpacket gone{std::move(right)};
  }
  CHECK(batch.send(left).error() == std::errc::broken_pipe);
  CHECK(batch.size() == 2);
}

TEST_CASE("too many descriptors in flight end a batch, and a deadline waits for the peer to drain",
          "[batch][no-valgrind]") {
  test::child nobody{[] {
    if (!test::become_somebody_else()) return false;
    const test::descriptor_limit low{32};
    auto [left, right] = pair<seqpacket>();
    auto batch = send_batch::make(64, 1).value();
    const owned_fd file = test::scratch_file();
    for (int i = 0; i != 64; ++i) {
      if (!batch.add("x", file.get())) return false;
    }
    const auto some = batch.send(left);
    if (!some || *some == 0 || *some == 64) return false;
    if (batch.send(left).error() != errc::too_many_in_flight) return false;
    if (batch.send(left, in(5ms)).error() != std::errc::timed_out) return false;
    test::beside reader{[&end = right] {
      std::this_thread::sleep_for(10ms);
      return end.receive(buffer, 1).has_value();
    }};
    return batch.send(left, in(10s)).value() >= 1 && reader.succeeded();
  }};
  CHECK(nobody.succeeded());
}

TEST_CASE("a send batch that was moved has its messages, and the one it was moved from has no room", "[batch]") {
  auto [left, right] = pair<seqpacket>();
  auto batch = send_batch::make(4, 1).value();
  REQUIRE(batch.add("0"));
  send_batch moved{std::move(batch)};
  CHECK(batch.empty());
  CHECK(batch.capacity() == 0);
  CHECK(batch.add("x").error() == errc::over_limit);
  CHECK(batch.send(left).value() == 0);
  CHECK(moved.send(left).value() == 1);
  REQUIRE(moved.add("1"));
  send_batch& itself = moved;
  moved = std::move(itself);
  CHECK(moved.size() == 1);
  batch = std::move(moved);
  CHECK(batch.send(left).value() == 1);
  CHECK(next(right) == "0");
  CHECK(next(right) == "1");
}
