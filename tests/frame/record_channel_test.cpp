// Records over real sockets.
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"
#include "support/witness.hpp"

#include <scm/frame.hpp>

#include <poll.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace scm;
using test::inode_of;
using test::witness;

namespace {

constexpr record_bounds roomy{1 << 22, 10000, 1 << 22, 10000};

template <class Channel>
std::pair<record_channel, record_channel> pair(const record_bounds& bounds = roomy) {
  auto [left, right] = Channel::pair().value();
  return {record_channel::make(std::move(left), bounds).value(),
          record_channel::make(std::move(right), bounds).value()};
}

std::string text(const record& one) { return {reinterpret_cast<const char*>(one.bytes.data()), one.bytes.size()}; }

// Its text and the inodes of its descriptors.
struct seen {
  std::string bytes;
  std::vector<ino_t> inodes;
  explicit seen(const record& one) : bytes{text(one)} {
    for (const owned_fd& fd : one.descriptors) inodes.push_back(inode_of(fd));
  }
  seen(std::string text, std::vector<ino_t> its) : bytes{std::move(text)}, inodes{std::move(its)} {}
  friend bool operator==(const seen&, const seen&) = default;
};

seen next(record_channel& from) { return seen{from.try_receive().value()}; }

struct two_files {
  owned_fd first = test::scratch_file();
  owned_fd second = test::scratch_file();
  ino_t one = inode_of(first);
  ino_t two = inode_of(second);
};

bool readable(const record_channel& at) {
  pollfd one{at.fd().native_handle(), POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

// Sends without waiting until the kernel takes no more; how many went.
std::size_t fill(record_channel& from, const std::string& with) {
  for (std::size_t count = 0;; ++count) {
    if (const auto sent = from.send(with, {}, dont_wait); !sent) {
      REQUIRE(sent.error() == std::errc::resource_unavailable_try_again);
      return count;
    }
    if (from.waiting().bytes != 0) return count + 1;
  }
}

}  // namespace

TEMPLATE_TEST_CASE("a record arrives with its own bytes and descriptors", "[records]", stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  const two_files files;
  REQUIRE(left.send("one", {files.first, files.second}));
  REQUIRE(left.send("", files.second.get()));
  REQUIRE(left.send(""));
  REQUIRE(left.send({"in ", "two ", "parts"}, files.first.get()));
  CHECK(next(right) == seen{"one", {files.one, files.two}});
  CHECK(next(right) == seen{"", {files.two}});
  CHECK(next(right) == seen{"", {}});
  CHECK(next(right) == seen{"in two parts", {files.one}});
  CHECK(right.try_receive().error() == std::errc::resource_unavailable_try_again);
}

TEMPLATE_TEST_CASE("many records go in one message and come out one by one", "[records]", stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  const two_files files;
  const borrowed_fd both[] = {files.first, files.second};
  std::vector<outgoing_record> records;
  for (int i = 0; i != 84; ++i) {  // 84 times 3 descriptors: all but one of 253
    records.push_back({"plain"});
    records.push_back({"one", std::span{both}.first(1)});
    records.push_back({"two", both});
  }
  CHECK(left.send_many(records).value() == records.size());
  for (int i = 0; i != 84; ++i) {
    REQUIRE(next(right) == seen{"plain", {}});
    REQUIRE_FALSE(readable(right));  // all of it came with the first
    REQUIRE(next(right) == seen{"one", {files.one}});
    REQUIRE(next(right) == seen{"two", {files.one, files.two}});
  }
}

TEMPLATE_TEST_CASE("descriptors that were not taken are closed before the channel waits, and with it", "[records]",
                   stream, seqpacket) {
  std::vector<witness> ends(5);
  {
    auto [left, right] = pair<TestType>();
    for (auto& end : ends) REQUIRE(left.queue("x", end.give()));
    REQUIRE(left.flush());
    owned_fd kept = std::move(right.receive()->descriptors[0]);
    REQUIRE(right.receive());
    CHECK(right.receive()->descriptors.size() == 1);
    REQUIRE(right.receive());
    REQUIRE(right.receive());
    CHECK(right.try_receive().error() == std::errc::resource_unavailable_try_again);
    for (std::size_t i = 1; i != ends.size(); ++i) CHECK(ends[i].closed());
    CHECK_FALSE(ends[0].closed());
    CHECK(ends[0].is(kept));
  }
  CHECK(ends[0].closed());

  witness unread;
  {
    auto [left, right] = pair<TestType>();
    REQUIRE(left.queue("x", unread.give()));
    REQUIRE(left.flush());
    REQUIRE(right.receive());
  }
  CHECK(unread.closed());
}

TEMPLATE_TEST_CASE("what is queued is owned, and closed here once the kernel has it", "[records]", stream, seqpacket) {
  witness one;
  witness two;
  witness three;
  {
    auto [left, right] = pair<TestType>();
    descriptor_list list;
    REQUIRE(list.adopt(one.give()));
    REQUIRE(list.adopt(two.give()));
    REQUIRE(left.queue("list", std::move(list)));
    CHECK(list.empty());
    owned_fd single = three.give();
    REQUIRE(left.queue("single", std::move(single)));
    CHECK_FALSE(single);
    CHECK(left.waiting().descriptors == 3);
    CHECK(left.waiting().bytes == 16 + 8 + 4 + 8 + 6);
    CHECK_FALSE(readable(right));
    REQUIRE(left.flush());
    CHECK(left.waiting().descriptors == 0);
    CHECK(left.waiting().bytes == 0);
    CHECK_FALSE(one.closed());
    {
      const auto unused = std::move(right);
    }
    CHECK(one.closed());
    CHECK(three.closed());
  }

  witness never_sent;
  {
    auto [left, right] = pair<TestType>();
    REQUIRE(left.queue("x", never_sent.give()));
  }
  CHECK(never_sent.closed());
}

TEMPLATE_TEST_CASE("queued records go before those that are sent", "[records]", stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  REQUIRE(left.queue("first"));
  REQUIRE(left.queue("second"));
  REQUIRE(left.send("third"));
  REQUIRE(left.queue("fourth"));
  const outgoing_record fifth{"fifth"};
  CHECK(left.send_many({&fifth, 1}).value() == 1);
  for (const char* each : {"first", "second", "third", "fourth", "fifth"}) CHECK(next(right) == seen{each, {}});
}

TEMPLATE_TEST_CASE("full messages of a queue are sent without being asked", "[records]", stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  const std::string large(30000, 'x');
  REQUIRE(left.queue(large));
  REQUIRE(left.queue(large));
  CHECK_FALSE(readable(right));
  REQUIRE(left.queue(large));
  CHECK(readable(right));
  CHECK(left.waiting().bytes == 16 + 8 + 30000);
  for (int i = 0; i != 254; ++i) REQUIRE(left.queue("", test::scratch_file()));
  CHECK(left.waiting().descriptors == 1);
}

TEMPLATE_TEST_CASE("what cannot be queued stays with its owner", "[records]", stream, seqpacket) {
  auto [left, right] = pair<TestType>({1000, 10, 100, 2});
  const auto three = [] {
    descriptor_list list;
    while (list.size() != 3) REQUIRE(list.adopt(test::scratch_file()));
    return list;
  };
  descriptor_list list = three();
  CHECK(left.queue("x", std::move(list)).error() == errc::over_limit);
  CHECK(list.size() == 3);
  CHECK(left.queue(std::string(77, 'x')).error() == errc::over_limit);
  CHECK(left.queue("x", owned_fd{}).error() == std::errc::bad_file_descriptor);
  (void)list.take(1);
  CHECK(left.queue("x", std::move(list)).error() == std::errc::bad_file_descriptor);

  REQUIRE(left.queue(std::string(76, 'x')));  // 100 bytes with its headers
  CHECK(left.waiting().bytes == 100);
  REQUIRE(left.queue("y"));  // there is no room: the first is sent for it
  CHECK(left.waiting().bytes == 25);
  CHECK(next(right).bytes.size() == 76);

  fill(left, std::string(50, 'f'));
  while (left.queue(std::string(50, 'q'))) {
  }
  owned_fd file = test::scratch_file();
  const auto waiting = left.waiting().bytes;
  CHECK(left.queue(std::string(50, 'q'), std::move(file)).error() == std::errc::resource_unavailable_try_again);
  CHECK(left.queue(std::string(50, 'q'), std::move(file), in(std::chrono::milliseconds{5})).error() ==
        std::errc::timed_out);
  CHECK(file);
  CHECK(left.waiting().bytes == waiting);
}

TEMPLATE_TEST_CASE("records of any size arrive whole", "[records]", stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  test::child sender{[&from = left] {
    std::mt19937 random{1};
    const owned_fd file = test::scratch_file();
    for (const std::size_t size : {65511U, 65512U, 65513U, 131024U, 131025U, 3000000U}) {
      std::string bytes(size, '\0');
      for (char& each : bytes) each = static_cast<char>(random());
      if (!from.send(bytes, size % 2 == 0 ? borrowed_fds{} : borrowed_fds{file.get()})) return false;
    }
    return true;
  }};
  std::mt19937 random{1};
  for (const std::size_t size : {65511U, 65512U, 65513U, 131024U, 131025U, 3000000U}) {
    std::string bytes(size, '\0');
    for (char& each : bytes) each = static_cast<char>(random());
    const auto got = right.receive();
    REQUIRE(got);
    CHECK(text(*got) == bytes);
    CHECK(got->descriptors.size() == size % 2);
  }
  CHECK(sender.succeeded());
}

TEMPLATE_TEST_CASE("a record of 5000 descriptors arrives whole", "[records][no-valgrind]", stream, seqpacket) {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_max < 6000) SCM_SKIP("needs RLIMIT_NOFILE of 6000");
  const rlimit raised{std::max<rlim_t>(limit.rlim_cur, 6000), limit.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &raised) == 0);
  {
    auto [left, right] = pair<TestType>();
    test::child sender{[&from = left] {
      const two_files files;
      std::vector<borrowed_fd> many;
      for (int i = 0; i != 5000; ++i) many.push_back(i % 7 == 0 ? files.first : files.second);
      const auto inodes = std::to_string(files.one) + ' ' + std::to_string(files.two);
      return from.send(inodes) && from.send("many", many) && from.send("after");
    }};
    const std::string inodes = text(right.receive().value());
    const auto space = inodes.find(' ');
    const ino_t one = std::stoull(inodes.substr(0, space));
    const ino_t two = std::stoull(inodes.substr(space));
    const auto got = right.receive();
    REQUIRE(got);
    REQUIRE(got->descriptors.size() == 5000);
    std::size_t right_ones = 0;
    for (std::size_t i = 0; i != 5000; ++i) right_ones += inode_of(got->descriptors[i]) == (i % 7 == 0 ? one : two);
    CHECK(right_ones == 5000);
    CHECK(text(right.receive().value()) == "after");
    CHECK(sender.succeeded());
  }
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

TEMPLATE_TEST_CASE("a sender that may not have more in flight is told so, and goes on", "[records][no-valgrind]",
                   stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  test::child sender{[&from = left] {
    if (!test::become_somebody_else()) return false;
    const test::descriptor_limit few{300};
    const owned_fd file = test::scratch_file();
    const std::vector<borrowed_fd> many(1000, file.get());
    const auto sent = from.send("too many", many, dont_wait);
    return !sent && sent.error() == errc::too_many_in_flight &&
           from.send("small", file.get(), dont_wait).error() == errc::too_many_in_flight && from.send("plain");
  }};
  CHECK(sender.succeeded());
  const auto first = right.try_receive();
  REQUIRE_FALSE(first);
  CHECK(first.error() == errc::abandoned);
  CHECK(next(right) == seen{"plain", {}});
}

TEMPLATE_TEST_CASE("where the peer does not read, sending without waiting says so, and loses and repeats nothing",
                   "[records]", stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  const two_files files;
  const std::string bytes(3000, 'x');
  std::size_t went = fill(left, bytes);
  CHECK(went > 10);
  std::size_t came = 0;
  const auto receive_all = [&] {
    while (const auto got = right.try_receive()) {
      CHECK(text(*got) == bytes);
      ++came;
    }
  };
  for (int i = 0; i != 30; ++i) {
    receive_all();
    if (left.flush(dont_wait)) went += fill(left, bytes);
  }
  receive_all();
  REQUIRE(left.flush(dont_wait));
  receive_all();
  CHECK(came == went);
}

TEST_CASE("the rest of a record that a stream took in part waits, and its descriptors are never sent twice",
          "[records]") {
  auto [left, right] = pair<stream>();
  const two_files files;
  std::size_t went = 0;
  const std::string bytes(60000, 'x');
  while (left.waiting().bytes == 0) {
    REQUIRE(left.send(bytes, {files.first, files.second}, dont_wait));
    ++went;
  }
  CHECK(left.waiting().descriptors == 0);
  CHECK(left.send(bytes, {}, dont_wait).error() == std::errc::resource_unavailable_try_again);
  CHECK(left.flush(dont_wait).error() == std::errc::resource_unavailable_try_again);
  CHECK(left.flush(in(std::chrono::milliseconds{5})).error() == std::errc::timed_out);
  for (std::size_t came = 0; came != went; ++came) {
    const auto got = right.try_receive();
    if (!got) {
      REQUIRE(got.error() == std::errc::resource_unavailable_try_again);
      REQUIRE(left.flush(dont_wait));
      --came;
      continue;
    }
    CHECK(seen{*got} == seen{bytes, {files.one, files.two}});
  }
  CHECK(right.try_receive().error() == std::errc::resource_unavailable_try_again);
}

TEST_CASE("with time to wait nothing of what was sent stays behind, whichever way it was sent", "[records]") {
  auto [left, right] = stream::pair().value();
  REQUIRE(left.set_send_buffer(1));  // the kernel's least: a packet is taken in many parts
  auto from = record_channel::make(std::move(left), roomy).value();
  auto to = record_channel::make(std::move(right), roomy).value();
  const std::string bytes(20000, 'x');
  test::child receiver{[&] {
    for (int i = 0; i != 3; ++i) {
      const auto got = to.receive({.until = in(std::chrono::seconds{60})});
      if (!got || text(*got) != bytes) return false;
    }
    return true;
  }};
  const std::vector<outgoing_record> two{{bytes}, {bytes}};
  CHECK(from.send_many(two, in(std::chrono::seconds{60})).value() == 2);
  CHECK(from.waiting().bytes == 0);
  REQUIRE(from.send(bytes, {}, in(std::chrono::seconds{60})));
  CHECK(from.waiting().bytes == 0);
  CHECK(receiver.succeeded());
}

TEMPLATE_TEST_CASE("a large record that meets a full socket is taken whole, or the peer never sees it", "[records]",
                   stream, seqpacket) {
  const std::string large(1 << 20, 'x');
  SECTION("what is left fits the queue") {
    auto [left, right] = pair<TestType>();
    const owned_fd file = test::scratch_file();
    REQUIRE(left.send(large, file.get(), dont_wait));
    CHECK(left.waiting().bytes > 0);
    for (;;) {
      const auto got = right.try_receive();
      if (got) {
        CHECK(text(*got) == large);
        CHECK(got->descriptors.size() == 1);
        break;
      }
      REQUIRE(got.error() == std::errc::resource_unavailable_try_again);
      (void)left.flush(dont_wait);
    }
  }
  SECTION("it does not") {
    auto [left, right] = pair<TestType>({1 << 22, 1000, 1000, 1000});
    CHECK(left.send(large, {}, dont_wait).error() == std::errc::resource_unavailable_try_again);
    CHECK(left.send(large, {}, in(std::chrono::milliseconds{5})).error() ==
          std::errc::timed_out);  // what is left of the first goes before it
    CHECK(right.try_receive().error() == std::errc::resource_unavailable_try_again);
    REQUIRE(left.flush(dont_wait));
    CHECK(right.try_receive().error() == errc::abandoned);
    REQUIRE(left.send("small"));
    CHECK(next(right) == seen{"small", {}});
  }
}

TEMPLATE_TEST_CASE("a descriptor that is not open refuses its record and leaves the channel as it was", "[records]",
                   stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  const owned_fd file = test::scratch_file();
  CHECK(left.send("x", {file.get(), borrowed_fd{-1}}).error() == std::errc::bad_file_descriptor);
  const borrowed_fd bad[] = {borrowed_fd{9999}};
  const std::vector<outgoing_record> records{{"x"}, {"y", bad}};
  CHECK(left.send_many(records).error() == std::errc::bad_file_descriptor);
  REQUIRE(left.send("good", file.get()));
  CHECK(next(right).bytes == "good");
}

TEMPLATE_TEST_CASE("the end of the peer is told: between records, and within one", "[records]", stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  REQUIRE(left.queue("last"));
  REQUIRE(left.shutdown_send());
  CHECK(next(right).bytes == "last");
  CHECK(right.receive().error() == errc::end_of_file);
  CHECK(right.receive().error() == errc::end_of_file);
  REQUIRE(right.send("still"));
  CHECK(next(left).bytes == "still");
  {
    const auto gone = std::move(left);
  }
  CHECK(right.send("x").error() == std::errc::broken_pipe);
}

TEMPLATE_TEST_CASE("a deadline ends a wait for a record and loses nothing", "[records]", stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  CHECK(right.receive({.until = in(std::chrono::milliseconds{5})}).error() == std::errc::timed_out);
  REQUIRE(left.send("x"));
  CHECK(next(right).bytes == "x");
}

TEMPLATE_TEST_CASE("a table without room is told before anything is received, if a reserve was asked for",
                   "[records][no-valgrind]", stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  const owned_fd file = test::scratch_file();
  REQUIRE(left.send("x", file.get()));
  {
    const test::descriptor_limit low{test::descriptor_limit::leaving_free(10)};
    CHECK(right.receive({.reserve = 1}).error() == errc::no_headroom);
  }
  CHECK(next(right).bytes == "x");
}

TEMPLATE_TEST_CASE("descriptors lost at a full table break the channel, and nothing stays open",
                   "[records][no-valgrind]", stream, seqpacket) {
  witness one;
  witness two;
  auto [left, right] = pair<TestType>();
  REQUIRE(left.queue("x", one.give()));
  REQUIRE(left.queue("y", two.give()));
  REQUIRE(left.flush());
  {
    const test::descriptor_limit low{test::descriptor_limit::leaving_free(1)};
    CHECK(right.receive().error() == errc::descriptors_lost);
  }
  CHECK(one.closed());
  CHECK(two.closed());
  REQUIRE(left.send("z"));
  CHECK(right.receive().error() == errc::descriptors_lost);
}

TEST_CASE("a seqpacket socket with a small send buffer sends small packets", "[records]") {
  auto [left, right] = seqpacket::pair().value();
  REQUIRE(left.set_send_buffer(1));
  auto from = record_channel::make(std::move(left), roomy).value();
  auto to = record_channel::make(std::move(right), roomy).value();
  test::child sender{[&from] { return static_cast<bool>(from.send(std::string(100000, 'x'))); }};
  const auto got = to.receive();
  REQUIRE(got);
  CHECK(got->bytes.size() == 100000);
  CHECK(sender.succeeded());
}

TEMPLATE_TEST_CASE("a channel that was moved goes on", "[records]", stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  const owned_fd file = test::scratch_file();
  REQUIRE(left.send("one", file.get()));
  REQUIRE(left.send("two"));
  const auto first = right.receive();
  record_channel moved = std::move(right);
  CHECK(text(*first) == "one");
  CHECK(first->descriptors[0]);
  CHECK(next(moved).bytes == "two");
  CHECK(moved.peer().pidfd.value);
}

TEMPLATE_TEST_CASE("a record is held to what was agreed: it arrives whole, or is closed and the next one arrives",
                   "[frame][admission]", stream, seqpacket) {
  auto [left, right] = pair<TestType>();
  const std::array agreed{expectation{.kinds = descriptor_kind::regular_file},
                          expectation{.kinds = descriptor_kind::pipe}};
  const two_files files;
  witness first;
  witness second;
  {
    const owned_fd one = first.give();
    const owned_fd two = second.give();
    REQUIRE(left.send("wrong", {files.first, files.second, one}));  // too many
    REQUIRE(left.send("wrong", {one, files.first}));                // the wrong way round
    REQUIRE(left.send("wrong", {files.first}));                     // too few
    REQUIRE(left.send("right", {files.first, two}));
  }
  for (const auto& [reason, position] :
       {std::pair{mismatch::surplus, 2U}, std::pair{mismatch::kind, 0U}, std::pair{mismatch::missing, 1U}}) {
    const auto refused = right.receive(agreed, {.until = dont_wait});
    REQUIRE_FALSE(refused);
    CHECK(refused.error() == errc::not_admitted);
    REQUIRE(refused.error().refused);
    CHECK(refused.error().refused->what == reason);
    CHECK(refused.error().refused->position == position);
  }
  CHECK(first.closed());
  const auto got = right.receive(agreed, {.until = dont_wait});
  REQUIRE(got);
  CHECK(text(*got) == "right");
  CHECK(inode_of(got->descriptors[0]) == files.one);
  CHECK(second.is(got->descriptors[1]));
  const auto nothing = right.receive(agreed, {.until = dont_wait});
  CHECK(nothing.error() == std::errc::resource_unavailable_try_again);
  CHECK_FALSE(nothing.error().refused);
}
