// Batches in: whole messages in order, each with its own descriptors, and each loss for itself.
#include "support/beside.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/queued.hpp"
#include "support/skip.hpp"
#include "support/witness.hpp"

#include <scm/batch.hpp>

#include <chrono>
#include <climits>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;
using test::all_closed;
using test::send_watched;

namespace {

const std::error_code would_block{EAGAIN, std::system_category()};

template <class Channel>
std::pair<Channel, Channel> pair() {
  return Channel::pair().value();
}

std::string text(const received& one) { return {reinterpret_cast<const char*>(one.bytes.data()), one.bytes.size()}; }

bool send_empty(const seqpacket& through) { return ::send(through.fd().native_handle(), "", 0, 0) == 0; }

// Streams have no messages.
template <class Channel>
constexpr bool receives_from = requires(receive_batch batch, Channel channel) { batch.receive(channel); };
static_assert(receives_from<datagram> && receives_from<seqpacket> && !receives_from<stream>);

}  // namespace

TEMPLATE_TEST_CASE("a batch holds the messages that are there, in order, each with its bytes and descriptors",
                   "[batch]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  auto batch = receive_batch::make(32, 64, 2).value();
  for (const std::size_t count : {1U, 7U, 32U, 31U}) {
    INFO(count << " messages");
    std::vector<std::deque<test::witness>> watched;
    for (std::size_t i = 0; i != count; ++i) watched.push_back(send_watched(left, i % 3, std::to_string(i)));
    REQUIRE(batch.receive(right).value() == count);
    CHECK(batch.size() == count);
    std::size_t at = 0;
    for (received& one : batch) {
      INFO("message " << at);
      CHECK_FALSE(one.loss);
      CHECK(text(one) == std::to_string(at));
      CHECK(one.content.size == one.bytes.size());
      REQUIRE(one.content.descriptors.size() == at % 3);
      for (std::size_t i = 0; i != at % 3; ++i) {
        CHECK(watched[at][i].is(one.content.descriptors[i]));
        CHECK(::fcntl(one.content.descriptors[i].native_handle(), F_GETFD) == FD_CLOEXEC);
      }
      ++at;
    }
    CHECK(at == count);
    CHECK(batch.try_receive(right).error() == would_block);
    CHECK(batch.empty());
    for (const auto& one : watched) CHECK(all_closed(one));
  }
}

TEMPLATE_TEST_CASE("what does not fit into one batch is in the next", "[batch]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  auto batch = receive_batch::make(4, 8, 1).value();
  for (int i = 0; i != 10; ++i) send_watched(left, 1, std::to_string(i));
  std::string seen;
  while (const auto count = batch.try_receive(right)) {
    CHECK(*count <= 4);
    for (const received& one : batch) seen += text(one);
  }
  CHECK(seen == "0123456789");
}

TEMPLATE_TEST_CASE("a batch takes 1 to 1024 messages", "[batch]", datagram, seqpacket) {
  CHECK(receive_batch::make(0, 8, 1).error() == std::errc::invalid_argument);
  CHECK(receive_batch::make(1025, 8, 1).error() == std::errc::invalid_argument);
  CHECK(receive_batch::make(1024, SIZE_MAX / 2, 1).error() == std::errc::not_enough_memory);
  auto [left, right] = pair<TestType>();
  const int bytes = 1 << 20;  // more than net.core.wmem_max by default, and so for CAP_NET_ADMIN alone
  (void)::setsockopt(left.fd().native_handle(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
  auto batch = receive_batch::make(1024, 4, 0).value();
  CHECK(batch.capacity() == 1024);
  std::size_t sent = 0;
  while (sent != 1024 && left.try_send(std::to_string(sent))) ++sent;
  REQUIRE(sent >= 256);
  REQUIRE(batch.receive(right).value() == sent);
  bool same = true;
  for (std::size_t i = 0; i != sent; ++i) same = same && text(batch[i]) == std::to_string(i);
  CHECK(same);
}

TEMPLATE_TEST_CASE("each message of a batch can bring 253 descriptors", "[batch]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  auto batch = receive_batch::make(3, 8, 1000).value();  // which is 253
  std::vector<std::deque<test::witness>> watched;
  for (int i = 0; i != 2; ++i) watched.push_back(send_watched(left, 253));
  REQUIRE(batch.receive(right).value() == 2);
  for (std::size_t i = 0; i != 2; ++i) {
    REQUIRE(batch[i].content.descriptors.size() == 253);
    bool same = true;
    for (std::size_t at = 0; at != 253; ++at) same = same && watched[i][at].is(batch[i].content.descriptors[at]);
    CHECK(same);
  }
  batch.clear();
  CHECK(all_closed(watched[0]));
  CHECK(all_closed(watched[1]));
}

TEMPLATE_TEST_CASE("a message that lost something is the only one that is not handed out", "[batch]", datagram,
                   seqpacket) {
  auto [left, right] = pair<TestType>();
  auto batch = receive_batch::make(8, 4, 2).value();
  std::vector<std::deque<test::witness>> watched;
  watched.push_back(send_watched(left, 1, "0"));
  watched.push_back(send_watched(left, 2, "cut short"));
  watched.push_back(send_watched(left, 2, "2"));
  watched.push_back(send_watched(left, 3, "3"));
  watched.push_back(send_watched(left, 0, "4"));
  REQUIRE(batch.receive(right).value() == 5);
  for (const std::size_t whole : {0U, 2U, 4U}) {
    INFO(whole);
    CHECK_FALSE(batch[whole].loss);
    CHECK(text(batch[whole]) == std::to_string(whole));
    CHECK(batch[whole].content.descriptors.size() == watched[whole].size());
  }
  REQUIRE(batch[1].loss);
  CHECK(batch[1].loss->code == errc::payload_cut);
  CHECK(batch[1].loss->installed == 2);
  REQUIRE(batch[3].loss);
  CHECK(batch[3].loss->code == errc::over_limit);
  CHECK(batch[3].loss->installed == 3);
  CHECK(batch[3].loss->max == 2);
  for (const std::size_t lost : {1U, 3U}) {
    CHECK(batch[lost].bytes.empty());
    CHECK(batch[lost].content.size == 0);
    CHECK(batch[lost].content.descriptors.empty());
    CHECK(all_closed(watched[lost]));
  }
  // The same room, and nothing of the losses.
  send_watched(left, 1, "a");
  send_watched(left, 1, "b");
  REQUIRE(batch.receive(right).value() == 2);
  CHECK_FALSE(batch[1].loss);
  CHECK(text(batch[1]) == "b");
}

TEMPLATE_TEST_CASE("where the descriptor table is full in the middle of a batch, what came before is whole",
                   "[batch][no-valgrind]", datagram, seqpacket) {
  for (int free = 0; free != 9; ++free) {
    INFO(free << " free slots");
    auto [left, right] = pair<TestType>();
    auto batch = receive_batch::make(8, 4, 2).value();
    std::vector<std::deque<test::witness>> watched;
    for (int i = 0; i != 4; ++i) watched.push_back(send_watched(left, 2));
    const auto got = [&, &from = right] {
      const test::descriptor_limit full{test::descriptor_limit::leaving_free(free)};
      return batch.receive(from);
    }();
    REQUIRE(got.value() == 4);
    for (std::size_t i = 0; i != 4; ++i) {
      INFO("message " << i);
      const int left_for_it = std::min(2, std::max(0, free - 2 * static_cast<int>(i)));
      CHECK(batch[i].loss.has_value() == (left_for_it < 2));
      if (!batch[i].loss) {
        CHECK(batch[i].content.descriptors.size() == 2);
        continue;
      }
      CHECK(batch[i].loss->code == errc::descriptors_lost);
      CHECK(batch[i].loss->installed == static_cast<std::size_t>(left_for_it));
      CHECK(all_closed(watched[i]));
    }
  }
}

TEST_CASE("the end of file comes after the messages, and is not one of them", "[batch]") {
  for (const std::size_t count : {0U, 1U, 3U, 4U}) {
    INFO(count << " messages before it");
    auto [left, right] = pair<seqpacket>();
    auto batch = receive_batch::make(4, 8, 1).value();
    for (std::size_t i = 0; i != count; ++i) send_watched(left, 1);
    REQUIRE(left.shutdown_send());
    if (count != 0) {
      REQUIRE(batch.receive(right).value() == count);
      for (const received& one : batch) CHECK_FALSE(one.loss);
    }
    for (int again = 0; again != 2; ++again) {
      CHECK(batch.receive(right).error() == errc::end_of_file);
      CHECK(batch.empty());
    }
  }
}

TEST_CASE("with credentials on, an empty message before the end of file is a message of a batch", "[batch]") {
  auto [left, right] = pair<seqpacket>();
  REQUIRE(right.set(receive_item::credentials, true));
  auto batch = receive_batch::make(4, 8, 1).value();
  REQUIRE(send_empty(left));
  REQUIRE(left.shutdown_send());
  REQUIRE(batch.receive(right).value() == 1);
  CHECK_FALSE(batch[0].loss);
  CHECK(batch[0].content.sender == credentials::own());
  CHECK(batch.receive(right).error() == errc::end_of_file);
}

TEST_CASE("an empty seqpacket message with others behind it reads as an end by itself, and they are whole", "[batch]") {
  auto [left, right] = pair<seqpacket>();
  auto batch = receive_batch::make(4, 8, 1).value();
  REQUIRE(left.send("a"));
  REQUIRE(send_empty(left));
  const auto watched = send_watched(left, 1, "b");
  REQUIRE(batch.receive(right).value() == 3);
  CHECK(text(batch[0]) == "a");
  REQUIRE(batch[1].loss);
  CHECK(batch[1].loss->code == errc::end_of_file);
  CHECK(text(batch[2]) == "b");
  CHECK(watched[0].is(batch[2].content.descriptors[0]));

  // A batch that is not full shows that the connection goes on: an end would have filled it.
  REQUIRE(left.send("c"));
  REQUIRE(send_empty(left));
  REQUIRE(batch.receive(right).value() == 2);
  REQUIRE(batch[1].loss);
  CHECK(batch[1].loss->code == errc::end_of_file);

  // Empty with descriptors is a message like any other.
  const auto more = send_watched(left, 1, "");
  REQUIRE(batch.receive(right).value() == 1);
  CHECK_FALSE(batch[0].loss);
  CHECK(more[0].is(batch[0].content.descriptors[0]));
}

TEST_CASE("empty datagrams are messages of a batch", "[batch]") {
  auto [left, right] = pair<datagram>();
  auto batch = receive_batch::make(3, 8, 1).value();
  for (int i = 0; i != 3; ++i) REQUIRE(left.send(""));
  REQUIRE(batch.receive(right).value() == 3);
  for (const received& one : batch) {
    CHECK_FALSE(one.loss);
    CHECK(one.bytes.empty());
  }
}

TEST_CASE("where another holder shuts a datagram socket down, batches come to an end after the messages", "[batch]") {
  auto [left, right] = pair<datagram>();
  auto batch = receive_batch::make(4, 8, 1).value();
  const auto watched = send_watched(left, 1);
  REQUIRE(::shutdown(right.fd().native_handle(), SHUT_RD) == 0);
  REQUIRE(batch.receive(right).value() == 1);
  CHECK(batch.receive(right).error() == errc::end_of_file);
  CHECK(batch.try_receive(right).error() == errc::end_of_file);
}

TEMPLATE_TEST_CASE("a batch waits for its first message alone, and no longer than it may", "[batch]", datagram,
                   seqpacket) {
  auto [left, right] = pair<TestType>();
  auto batch = receive_batch::make(32, 8, 1).value();
  CHECK(batch.try_receive(right).error() == would_block);
  CHECK(batch.receive(right, {.until = in(5ms)}).error() == std::errc::timed_out);
  CHECK(batch.receive(right, {.until = in(5ms), .reserve = 1}).error() == std::errc::timed_out);
  const owned_fd file = test::scratch_file();
  for (const deadline until : {no_deadline, in(1min)}) {
    for (const bool nonblocking : {false, true}) {
      // Somebody else's flag on the description that they share.
      const int flags = ::fcntl(right.fd().native_handle(), F_GETFL);
      REQUIRE(::fcntl(right.fd().native_handle(), F_SETFL, nonblocking ? flags | O_NONBLOCK : flags) == 0);
      test::beside sender{[&, &from = left] {
        std::this_thread::sleep_for(10ms);
        return from.send("x", {file}).has_value();
      }};
      CHECK(batch.receive(right, {.until = until}).value() == 1);
      CHECK(sender.succeeded());
      REQUIRE(::fcntl(right.fd().native_handle(), F_SETFL, flags) == 0);
      CHECK(batch[0].content.descriptors.size() == 1);
    }
  }
}

TEMPLATE_TEST_CASE("with a reserve, no more messages are taken than there are free slots for", "[batch][no-valgrind]",
                   datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  auto batch = receive_batch::make(8, 8, 1).value();
  std::vector<std::deque<test::witness>> watched;
  for (int i = 0; i != 6; ++i) watched.push_back(send_watched(left, 1, std::to_string(i)));
  // Two slots for each message: one more than the maximum shows a surplus.
  const auto receive = [&, &from = right](int free, std::size_t reserve) {
    batch.clear();  // what it holds would be closed after the free slots were counted
    const test::descriptor_limit full{test::descriptor_limit::leaving_free(free)};
    return batch.receive(from, {.until = dont_wait, .reserve = reserve});
  };
  CHECK(receive(1, 0).error() == errc::no_headroom);
  CHECK(receive(4, 3).error() == errc::no_headroom);
  CHECK(receive(100, SIZE_MAX).error() == errc::no_headroom);
  CHECK(receive(100, INT_MAX).error() == errc::no_headroom);
  CHECK(receive(2, 0).value() == 1);
  CHECK(text(batch[0]) == "0");
  const std::size_t some = receive(7, 2).value();  // near the limit one message may be all that is worth looking for
  CHECK(some >= 1);
  CHECK(some <= 2);
  CHECK(text(batch[0]) == "1");
  for (const received& one : batch) CHECK_FALSE(one.loss);
  REQUIRE(batch.receive(right, {.reserve = 8}).value() == 5 - some);
  for (const received& one : batch) CHECK_FALSE(one.loss);
  CHECK(receive(0, 0).error() == would_block);
  for (const auto& one : watched) CHECK(all_closed(one));
}

TEMPLATE_TEST_CASE("with a reserve, a message with more than it may bring takes no room from another of its batch",
                   "[batch][no-valgrind]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  auto batch = receive_batch::make(8, 8, 0).value();
  for (int i = 0; i != 4; ++i) send_watched(left, 2);  // for which there is room, as for one (kernel fact B1)
  while (const auto count = [&, &from = right] {
    batch.clear();
    const test::descriptor_limit full{test::descriptor_limit::leaving_free(5)};
    return batch.receive(from, {.until = dont_wait, .reserve = 1});
  }()) {
    CHECK(*count <= 2);
    for (const received& one : batch) CHECK(one.loss.value().code == errc::over_limit);
  }
}

TEST_CASE("at a full table a reserve does not hide the end of file from a batch", "[batch][no-valgrind]") {
  auto [left, right] = pair<seqpacket>();
  auto batch = receive_batch::make(8, 8, 1).value();
  REQUIRE(left.shutdown_send());
  const test::descriptor_limit full{test::descriptor_limit::leaving_free(0)};
  CHECK(batch.receive(right, {.reserve = 2}).error() == errc::end_of_file);
}

TEMPLATE_TEST_CASE("each message of a batch says who sent it", "[batch]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  REQUIRE(right.set(receive_item::credentials, true));
  const bool pidfds = right.set(receive_item::pidfd, true).has_value();
  REQUIRE(right.set(receive_item::timestamp, true));
  REQUIRE(left.send("own"));
  test::child other{[&end = left] { return end.send("other").has_value(); }};
  const pid_t pid = other.pid();
  REQUIRE(other.succeeded());
  REQUIRE(left.send("own again"));

  auto batch = receive_batch::make(8, 16, 0).value();
  REQUIRE(batch.receive(right).value() == 3);
  CHECK(batch[0].content.sender == credentials::own());
  CHECK(batch[1].content.sender->pid == pid);
  CHECK(batch[2].content.sender == credentials::own());
  for (const received& one : batch) {
    CHECK_FALSE(one.loss);
    CHECK(one.content.queued_at);
    CHECK(static_cast<bool>(one.content.sender_pidfd) == pidfds);
  }
  // What is off for the next messages is not left over from these.
  for (const receive_item item : {receive_item::credentials, receive_item::timestamp}) REQUIRE(right.set(item, false));
  if (pidfds) REQUIRE(right.set(receive_item::pidfd, false));
  for (int i = 0; i != 3; ++i) REQUIRE(left.send("x"));
  REQUIRE(batch.receive(right).value() == 3);
  for (const received& one : batch) {
    CHECK_FALSE(one.content.sender);
    CHECK_FALSE(one.content.sender_pidfd);
    CHECK_FALSE(one.content.queued_at);
    CHECK_FALSE(one.content.control().next());
  }
}

TEST_CASE("a pidfd that finds no slot is the loss of its message of a batch", "[batch][no-valgrind]") {
  auto [left, right] = pair<seqpacket>();
  if (!right.set(receive_item::pidfd, true)) SCM_SKIP("SO_PASSPIDFD needs Linux 6.5");
  auto batch = receive_batch::make(4, 8, 0).value();
  for (int i = 0; i != 3; ++i) REQUIRE(left.send("x"));
  const auto got = [&, &from = right] {
    const test::descriptor_limit full{test::descriptor_limit::leaving_free(2)};
    return batch.receive(from);
  }();
  REQUIRE(got.value() == 3);
  CHECK(batch[1].content.sender_pidfd);
  REQUIRE(batch[2].loss);
  CHECK(batch[2].loss->code == errc::refused);
  CHECK_FALSE(batch[2].content.sender_pidfd_refusal);
}

TEST_CASE("each datagram of a batch has its sender's address", "[batch]") {
  auto at = datagram::bind(address::autobind()).value();
  const address to = at.local_address().value();
  auto first = datagram::bind(address::autobind()).value();
  auto second = datagram::bind(address::autobind()).value();
  auto nameless = datagram::open().value();
  auto batch = receive_batch::make(4, 8, 0).value();
  for (int round = 0; round != 2; ++round) {
    REQUIRE(first.send_to(to, "1"));
    REQUIRE(second.send_to(to, "2"));
    REQUIRE(nameless.send_to(to, "3"));
    REQUIRE(batch.receive(at).value() == 3);
    CHECK(batch[0].content.from == first.local_address().value());
    CHECK(batch[1].content.from == second.local_address().value());
    CHECK(batch[2].content.from == address{});
  }
}

TEMPLATE_TEST_CASE("what is taken out of a batch outlives it, the rest is closed", "[batch]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  std::vector<std::deque<test::witness>> watched;
  for (int i = 0; i != 5; ++i) watched.push_back(send_watched(left, 2));
  std::optional<receive_batch> batch{receive_batch::make(4, 8, 2).value()};
  REQUIRE(batch->receive(right).value() == 4);
  const owned_fd taken = (*batch)[1].content.descriptors.take(1);
  const message moved = std::move((*batch)[2].content);
  SECTION("by the next receive") { REQUIRE(batch->receive(right).value() == 1); }
  SECTION("by one that fails") {
    std::array<std::byte, 8> elsewhere;
    REQUIRE(right.receive(elsewhere, 2));
    CHECK(batch->try_receive(right).error() == would_block);
  }
  SECTION("by clearing it") { batch->clear(); }
  SECTION("by its end") { batch.reset(); }
  SECTION("by assigning to it") { *batch = receive_batch::make(1, 1, 1).value(); }
  CHECK(all_closed(watched[0]));
  CHECK(watched[1][0].closed());
  CHECK(watched[1][1].is(taken));
  CHECK(all_closed(watched[3]));
  REQUIRE(moved.descriptors.size() == 2);
  CHECK(watched[2][1].is(moved.descriptors[1]));
}

TEST_CASE("a batch whose messages were moved away receives into them again", "[batch]") {
  auto [left, right] = pair<seqpacket>();
  auto batch = receive_batch::make(2, 8, 200).value();
  for (int round = 0; round != 3; ++round) {
    const auto watched = send_watched(left, 200);
    REQUIRE(batch.receive(right).value() == 1);
    REQUIRE(batch[0].content.descriptors.size() == 200);
    const message kept = std::move(batch[0].content);
    CHECK(watched[199].is(kept.descriptors[199]));
  }
}

TEST_CASE("one batch serves channels of both types and with other items in turn", "[batch]") {
  auto [left, right] = pair<seqpacket>();
  auto [one, other] = pair<datagram>();
  REQUIRE(other.set(receive_item::credentials, true));
  auto batch = receive_batch::make(4, 8, 1).value();
  for (int round = 0; round != 3; ++round) {
    for (int i = 0; i <= round; ++i) send_watched(left, 1, "left");
    for (int i = 0; i != 3 - round; ++i) send_watched(one, 1, "one");
    REQUIRE(batch.receive(right).value() == static_cast<std::size_t>(round + 1));
    for (const received& each : batch) {
      CHECK_FALSE(each.loss);
      CHECK(text(each) == "left");
      CHECK_FALSE(each.content.from);
      CHECK_FALSE(each.content.sender);
    }
    REQUIRE(batch.receive(other).value() == static_cast<std::size_t>(3 - round));
    for (const received& each : batch) {
      CHECK_FALSE(each.loss);
      CHECK(text(each) == "one");
      CHECK(each.content.from);
      CHECK(each.content.sender == credentials::own());
    }
  }
}

TEST_CASE("a receive batch that was moved has its messages, and the one it was moved from receives nothing",
          "[batch]") {
  auto [left, right] = pair<seqpacket>();
  const auto watched = send_watched(left, 1);
  auto batch = receive_batch::make(2, 8, 1).value();
  REQUIRE(batch.receive(right));
  receive_batch moved{std::move(batch)};
  CHECK(batch.empty());
  CHECK(batch.capacity() == 0);
  CHECK(batch.receive(right).error() == std::errc::invalid_argument);
  REQUIRE(moved.size() == 1);
  CHECK(watched[0].is(moved[0].content.descriptors[0]));
  receive_batch& itself = moved;
  moved = std::move(itself);
  CHECK(moved.size() == 1);
  moved = std::move(batch);
  CHECK(all_closed(watched));
  CHECK(moved.receive(right).error() == std::errc::invalid_argument);
}

TEST_CASE("a reset connection is told before what is left of it", "[batch]") {
  auto [left, right] = pair<seqpacket>();
  auto batch = receive_batch::make(4, 8, 1).value();
  REQUIRE(right.send("unread"));
  REQUIRE(left.send("x"));
  {
    const seqpacket gone{std::move(left)};
  }  // with a message unread (kernel fact D7)
  CHECK(batch.receive(right).error() == std::errc::connection_reset);
  CHECK(batch.receive(right).value() == 1);
  CHECK(batch.receive(right).error() == errc::end_of_file);
}

TEMPLATE_TEST_CASE("a peer that is killed while it sends leaves whole messages in batches", "[batch][killed]", datagram,
                   seqpacket) {
  auto batch = receive_batch::make(32, 8, 2).value();
  for (std::size_t trial = 0; trial != 20; ++trial) {
    auto [left, right] = pair<TestType>();
    const owned_fd file = test::scratch_file();
    const auto all_whole = [&batch] {
      for (const received& one : batch) {
        if (one.loss || text(one) != "whole" || one.content.descriptors.size() != 2) return false;
      }
      return true;
    };
    {
      test::child peer{[&end = left, &file] {
        while (end.send("whole", {file, file})) {
        }
        return false;
      }};
      for (std::size_t count = 0; count < 100 + trial * 7;) {
        count += batch.receive(right, {.until = in(10s)}).value();
        REQUIRE(all_whole());
      }
    }
    {
      const TestType gone{std::move(left)};
    }
    result<std::size_t, receive_error> last = 0;
    while ((last = batch.try_receive(right))) REQUIRE(all_whole());
    CHECK(last.error().code == (std::same_as<TestType, seqpacket> ? make_error_code(errc::end_of_file) : would_block));
  }
}
