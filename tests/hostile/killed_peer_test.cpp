// Peers that are killed, at every point of a conversation, or stopped. What they sent whole arrives, the rest is an
// exact error, nothing waits longer than for the death itself, and nothing stays open.
#include "hostile/mark.hpp"
#include "hostile/scene.hpp"
#include "inspect/made.hpp"
#include "support/beside.hpp"
#include "support/catch.hpp"
#include "support/descriptor_table.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/queued.hpp"

#include <scm/channel.hpp>

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;
using test::honest_message;
using test::nothing_follows;
using test::patience;
using test::scene;

namespace {

constexpr auto would_block = std::errc::resource_unavailable_try_again;

// Where a point lies inside a call, the moment is left to chance; the same chance in each run.
class chance {
 public:
  void spin(std::chrono::microseconds most) {
    const auto until = std::chrono::steady_clock::now() + most * (random_() % 1024) / 1024;
    while (std::chrono::steady_clock::now() < until) {
    }
  }
  // A wait in the kernel, or one that polls.
  deadline either() { return random_() % 2 == 0 ? no_deadline : patience(); }

 private:
  std::minstd_rand random_{20260101};
};

// Until it is killed. A function, which a lambda must not spell out: being a constant expression as far as Clang knows,
// it is evaluated in advance, endless loop and all, for as many steps as the compiler allows.
[[noreturn]] void stay() {
  for (;;) ::pause();
}
[[noreturn]] void scribble(volatile char& byte) {
  for (;;) byte = static_cast<char>(byte + 1);
}

// The peer: a process that tells when it has reached its point, and lives on there until it is killed.
class victim {
 public:
  template <class Body>
  explicit victim(Body body)
      : process_{[this, &body]() -> bool {
          body(point_);
          point_.reach();  // for those that have nothing to do but wait
          stay();
        }} {}

  [[nodiscard]] pid_t pid() const { return pid_; }  // also when it is dead
  bool reached() { return point_.wait(); }
  void kill() { process_.kill(); }

 private:
  test::mark point_;
  test::child process_;
  pid_t pid_ = process_.pid();
};

template <class Channel>
void hang_up(Channel& end) {
  const Channel closed{std::move(end)};
}

// A message says which one it is, and carries a descriptor, so that on a stream, too, a receive takes one at a time.
template <class Channel>
bool send_numbered(Channel& to, std::uint32_t number, borrowed_fd file, const send_options& options = {}) {
  std::array<std::byte, sizeof number> bytes;
  std::memcpy(bytes.data(), &number, sizeof number);
  return to.send(bytes, file, options).value_or(0) == bytes.size();
}

// What went wrong, or nothing.
using trouble = std::string;

trouble unless(bool good, const char* what) { return good ? trouble{} : trouble{what}; }

// Takes `count` messages in order, or at least one until there are no more, and then nothing.
trouble all_whole(channel& ours, pid_t from, std::size_t count = 0) {
  std::uint32_t expected = 0;
  for (; count == 0 || expected != count; ++expected) {
    std::array<std::byte, 16> room;
    const auto got = count == 0 ? ours.try_receive(room, 3) : ours.receive(room, 3, {.until = patience()});
    if (!got && count == 0 && expected != 0) break;
    if (!got) return "message " + std::to_string(expected) + ": " + got.error().code.message();
    std::uint32_t number = 0;
    std::memcpy(&number, room.data(), sizeof number);
    if (got->size != sizeof number || number != expected) return "another message, or a part of one";
    if (got->descriptors.size() != 1) return "a message without its descriptor";
    if (!got->sender || got->sender->pid != from) return "a message of somebody else";
  }
  return unless(nothing_follows(ours), "something follows the last message");
}

// Sends to a peer that is dead are exact errors, each time.
template <class Channel>
trouble refuses_ours(Channel& ours) {
  const auto first = ours.send("x", {}, {.until = patience()});
  const auto second = ours.send("x");
  if (first || second) return "a send to a dead peer succeeds";
  if constexpr (scene<Channel>::connected) {
    return unless(first.error() == std::errc::broken_pipe && second.error() == std::errc::broken_pipe,
                  "a send to a dead peer is not EPIPE");
  } else {
    return unless(first.error() == std::errc::connection_refused && second.error() == std::errc::not_connected,
                  "datagrams to a dead peer are not ECONNREFUSED, then ENOTCONN");
  }
}

// End of file where there is a connection, and nothing more in either direction.
template <class Channel>
trouble over(Channel& ours) {
  if (!nothing_follows(ours)) return "no end of file";
  return refuses_ours(ours);
}

// What a dead peer had not read makes its end a reset, once, where there is a connection (kernel fact C14).
template <class Channel>
trouble reset_then_over(Channel& ours) {
  std::array<std::byte, 8> room;
  if (scene<Channel>::connected && ours.try_receive(room, 0).error() != std::errc::connection_reset) return "no reset";
  return over(ours);
}

// Both ends of a conversation, of which the first is the peer's, to be hung up here once the peer has it.
template <class Channel>
struct conversation {
  explicit conversation(scene<Channel>& here) : ends{meet(here)} {
    (void)ours().set(receive_item::credentials, true).value();
  }
  Channel& theirs() { return ends.first; }
  Channel& ours() { return ends.second; }

 private:
  // Through the listener; datagrams that go both ways are those of a pair.
  static std::pair<Channel, Channel> meet(scene<Channel>& here) {
    if constexpr (scene<Channel>::connected) {
      auto theirs = Channel::connect(here.at()).value();
      return {std::move(theirs), here.door().accept(patience()).value()};
    } else {
      return datagram::pair().value();
    }
  }
  std::pair<Channel, Channel> ends;
};

// The server's end of the next connection; of datagrams, the one that all have in common.
template <class Channel, class Look>
trouble with_next(scene<Channel>& here, Look look) {
  if constexpr (scene<Channel>::connected) {
    auto accepted = here.door().accept(patience());
    if (!accepted) return "no connection: " + accepted.error().message();
    return look(*accepted);
  } else {
    return look(here.ours());
  }
}

template <class Channel>
trouble nobody_comes(scene<Channel>& here) {
  if constexpr (scene<Channel>::connected) {
    return unless(here.door().try_accept().error() == would_block, "a connection of nobody");
  } else {
    return unless(nothing_follows(here.ours()), "a message of nobody");
  }
}

// --- the points ------------------------------------------------------------------------------------------------------

template <class Channel>
trouble before_connecting(scene<Channel>& here, chance&) {
  victim peer{[](const test::mark&) {
    constexpr int type = std::same_as<Channel, stream>     ? SOCK_STREAM
                         : std::same_as<Channel, datagram> ? SOCK_DGRAM
                                                           : SOCK_SEQPACKET;
    (void)::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  }};
  if (!peer.reached()) return "not reached";
  peer.kill();
  return nobody_comes(here);
}

template <class Channel>
trouble connected_not_accepted(scene<Channel>& here, chance&) {
  victim peer{[&here](const test::mark& point) {
    const auto end = Channel::connect(here.at()).value();
    point.reach();
    ::pause();
  }};
  if (!peer.reached()) return "not reached";
  peer.kill();
  return with_next(here, [](Channel& ours) {
    if constexpr (!scene<Channel>::connected) return unless(nothing_follows(ours), "a message of nobody");
    if (!nothing_follows(ours)) return trouble{"no end of file"};
    return refuses_ours(ours);
  });
}

template <class Channel>
trouble descriptors_sent_before_accept(scene<Channel>& here, chance&) {
  test::witness watched;
  owned_fd given = watched.give();
  victim peer{[&here, &given](const test::mark& point) {
    auto end = Channel::connect(here.at()).value();
    if (!send_numbered(end, 0, given) || !send_numbered(end, 1, given)) return;
    point.reach();
    ::pause();
  }};
  given.reset();
  if (!peer.reached()) return "not reached";
  peer.kill();
  const auto wrong = with_next(here, [&peer](Channel& ours) { return all_whole(ours, peer.pid(), 2); });
  if (!wrong.empty()) return wrong;
  return unless(watched.closed(), "a descriptor is left");
}

template <class Channel>
trouble accepted_and_silent(scene<Channel>& here, chance&) {
  conversation<Channel> with{here};
  victim peer{[](const test::mark&) {}};
  hang_up(with.theirs());
  if (!peer.reached()) return "not reached";
  peer.kill();
  // With credentials asked for: an end of file that must not read as a message of root's.
  return over(with.ours());
}

template <class Channel>
trouble descriptors_unread(scene<Channel>& here, chance&) {
  conversation<Channel> with{here};
  test::witness watched;
  owned_fd given = watched.give();
  victim peer{[&with, &given](const test::mark&) {
    for (std::uint32_t i = 0; i != 5; ++i) (void)send_numbered(with.theirs(), i, given);
  }};
  given.reset();
  hang_up(with.theirs());
  if (!peer.reached()) return "not reached";
  peer.kill();
  if (auto wrong = all_whole(with.ours(), peer.pid(), 5); !wrong.empty()) return wrong;
  return unless(watched.closed(), "a descriptor is left");
}

template <class Channel>
trouble after_one_of_two(scene<Channel>& here, chance&) {
  conversation<Channel> with{here};
  const owned_fd file = test::scratch_file();
  victim peer{[&](const test::mark& point) {
    if (!send_numbered(with.theirs(), 0, file)) return;
    point.reach();
    ::pause();  // the second would come now
  }};
  hang_up(with.theirs());
  if (!peer.reached()) return "not reached";
  peer.kill();
  return all_whole(with.ours(), peer.pid(), 1);
}

template <class Channel>
trouble in_a_large_send(scene<Channel>& here, chance& when) {
  constexpr bool one_message = std::same_as<Channel, stream>;
  constexpr std::size_t size = one_message ? 8 << 20 : 100'000;
  conversation<Channel> with{here};
  test::witness watched;
  owned_fd given = watched.give();
  victim peer{[&](const test::mark& point) {
    const std::vector<char> large(size, 'x');
    point.reach();
    if constexpr (one_message) {
      (void)with.theirs().send_all(large, {given});
    } else {
      while (with.theirs().send(large, {given})) {
      }
    }
  }};
  given.reset();
  hang_up(with.theirs());
  if (!peer.reached()) return "not reached";
  std::vector<char> room(size);
  std::size_t bytes = 0;
  std::size_t messages = 0;
  std::size_t descriptors = 0;
  const auto take = [&](deadline until) -> std::error_code {
    const auto got = with.ours().receive(room, 1, {.until = until});
    if (!got) return got.error();
    if (got->size == 0) return make_error_code(errc::malformed);  // no send is empty
    if (!one_message && (got->size != size || got->descriptors.size() != 1)) return make_error_code(errc::malformed);
    bytes += got->size;
    ++messages;
    descriptors += got->descriptors.size();
    return {};
  };
  if (const auto error = take(patience())) return "at first: " + error.message();
  when.spin(200us);
  peer.kill();
  std::error_code ended;
  while (!ended) ended = take(dont_wait);
  if (!nothing_follows(with.ours())) return "in the end: " + ended.message();
  if (one_message && (descriptors != 1 || bytes >= size)) return "the descriptor came twice, or all of the bytes came";
  return unless(watched.closed() && messages != 0, "a descriptor is left");
}

template <class Channel>
trouble blocked_in_a_send(scene<Channel>& here, chance& when) {
  conversation<Channel> with{here};
  const owned_fd file = test::scratch_file();
  victim peer{[&](const test::mark& point) {
    std::uint32_t number = 0;
    while (send_numbered(with.theirs(), number, file, {.until = dont_wait})) ++number;
    point.reach();
    (void)send_numbered(with.theirs(), number, file);
  }};
  hang_up(with.theirs());
  if (!peer.reached()) return "not reached";
  when.spin(200us);
  peer.kill();
  return all_whole(with.ours(), peer.pid());
}

template <class Channel>
trouble blocked_in_a_receive(scene<Channel>& here, chance& when) {
  conversation<Channel> with{here};
  victim peer{[&](const test::mark& point) {
    std::array<std::byte, 8> room;
    point.reach();
    (void)with.theirs().receive(room, 1);
  }};
  hang_up(with.theirs());
  if (!peer.reached()) return "not reached";
  when.spin(200us);
  peer.kill();
  return over(with.ours());
}

template <class Channel>
trouble while_we_wait_for_it(scene<Channel>& here, chance& when) {
  conversation<Channel> with{here};
  const owned_fd file = test::scratch_file();
  victim peer{[&](const test::mark&) { (void)send_numbered(with.theirs(), 0, file); }};
  hang_up(with.theirs());
  if (!peer.reached()) return "not reached";
  std::array<std::byte, 8> room;
  if (!with.ours().receive(room, 1, {.until = patience()})) return "no message";
  const deadline until = when.either();
  test::beside killer{[&] {
    when.spin(200us);
    peer.kill();
    return true;
  }};
  // Datagrams have no end of file (kernel fact D5): there it is the deadline that ends the wait.
  const auto got = with.ours().receive(room, 1, {.until = scene<Channel>::connected ? until : in(1ms)});
  (void)killer.succeeded();
  if (got) return "a message of nobody";
  return unless(got.error() == (scene<Channel>::connected ? make_error_code(errc::end_of_file)
                                                          : std::make_error_code(std::errc::timed_out)),
                "another end than the peer's");
}

template <class Channel>
trouble holding_our_memory(scene<Channel>& here, chance& when) {
  conversation<Channel> with{here};
  const owned_fd memory = test::made(::memfd_create("scm-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (::ftruncate(memory.native_handle(), 4096) != 0) return "no memory";
  victim peer{[&](const test::mark& point) {
    std::array<std::byte, 8> room;
    const auto got = with.theirs().receive(room, 1, {.until = patience()});
    if (!got) return;
    void* const mapped =
        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, got->descriptors[0].native_handle(), 0);
    if (mapped == MAP_FAILED) return;
    auto* const bytes = static_cast<volatile char*>(mapped);
    bytes[0] = 'w';
    point.reach();
    scribble(bytes[1]);
  }};
  if (!with.ours().send("x", {memory})) return "not sent";
  hang_up(with.theirs());
  if (!peer.reached()) return "not reached";
  if (::fcntl(memory.native_handle(), F_ADD_SEALS, F_SEAL_WRITE) == 0 || errno != EBUSY) return "it is not mapped";
  when.spin(100us);
  peer.kill();
  char byte = 0;
  if (::pread(memory.native_handle(), &byte, 1, 0) != 1 || byte != 'w') return "what it wrote is lost";
  if (::fcntl(memory.native_handle(), F_ADD_SEALS, F_SEAL_WRITE) != 0) return "somebody maps it still";
  return unless(nothing_follows(with.ours()), "something follows");
}

template <class Channel>
trouble between_shutdown_and_close(scene<Channel>& here, chance&) {
  conversation<Channel> with{here};
  const owned_fd file = test::scratch_file();
  victim peer{[&](const test::mark&) {
    (void)send_numbered(with.theirs(), 0, file);
    (void)with.theirs().shutdown_send();
  }};
  hang_up(with.theirs());
  if (!peer.reached()) return "not reached";
  if (auto wrong = all_whole(with.ours(), peer.pid(), 1); !wrong.empty()) return wrong;
  const auto before = with.ours().send("x", {}, {.until = patience()});
  peer.kill();
  if (!before) return "not sent, though the peer could still receive: " + before.error().code.message();
  return reset_then_over(with.ours());
}

template <class Channel>
trouble with_ours_unread(scene<Channel>& here, chance&) {
  conversation<Channel> with{here};
  victim peer{[](const test::mark&) {}};
  hang_up(with.theirs());
  if (!peer.reached()) return "not reached";
  const auto watched = test::send_watched(with.ours(), 3);
  peer.kill();
  if (!test::all_closed(watched)) return "a descriptor is left";
  return reset_then_over(with.ours());
}

template <class Channel>
trouble receiver_of_our_blocked_send(scene<Channel>& here, chance& when) {
  conversation<Channel> with{here};
  test::witness watched;
  owned_fd given = watched.give();
  victim peer{[](const test::mark&) {}};
  hang_up(with.theirs());
  if (!peer.reached()) return "not reached";
  while (with.ours().try_send("x", {given})) {
  }
  const deadline until = when.either();
  test::beside killer{[&] {
    when.spin(200us);
    peer.kill();
    return true;
  }};
  const auto sent = with.ours().send_owned("x", given, {.until = until});
  (void)killer.succeeded();
  if (sent || !given) return "a send into a full queue of a dead peer succeeds";
  const bool exact = scene<Channel>::connected
                         ? sent.error() == std::errc::broken_pipe || sent.error() == std::errc::connection_reset
                         : sent.error() == std::errc::connection_refused;
  if (!exact) return sent.error().code.message();
  given.reset();
  return unless(watched.closed(), "a descriptor is left");
}

template <class Channel>
trouble amid_many_sends(scene<Channel>& here, chance& when) {
  conversation<Channel> with{here};
  const owned_fd file = test::scratch_file();
  victim peer{[&](const test::mark& point) {
    for (std::uint32_t i = 0; send_numbered(with.theirs(), i, file); ++i) {
      if (i == 0) point.reach();
    }
  }};
  hang_up(with.theirs());
  if (!peer.reached()) return "not reached";
  when.spin(300us);
  peer.kill();
  return all_whole(with.ours(), peer.pid());
}

template <class Channel>
trouble amid_many_connects(scene<Channel>& here, chance& when) {
  const owned_fd file = test::scratch_file();
  victim peer{[&](const test::mark& point) {
    for (int i = 0; i != 1000; ++i) {
      auto end = Channel::connect(here.at()).value();
      (void)send_numbered(end, 0, file);
      if (i == 0) point.reach();
    }
  }};
  if (!peer.reached()) return "not reached";
  when.spin(500us);
  peer.kill();
  std::array<std::byte, 8> room;
  if constexpr (scene<Channel>::connected) {
    for (;;) {
      auto accepted = here.door().try_accept();
      if (!accepted) return unless(accepted.error() == would_block, "accepting fails");
      const auto got = accepted->try_receive(room, 1);
      if (got ? got->size != 4 || got->descriptors.size() != 1 || got->sender->pid != peer.pid()
              : got.error() != errc::end_of_file) {
        return "neither a whole message nor an end of file";
      }
      if (!nothing_follows(*accepted)) return "something follows";
    }
  } else {
    while (const auto got = here.ours().try_receive(room, 1)) {
      if (got->size != 4 || got->descriptors.size() != 1 || got->sender->pid != peer.pid())
        return "a part of a message";
    }
    return unless(nothing_follows(here.ours()), "something follows");
  }
}

template <class Channel>
trouble waiting_to_get_in(scene<Channel>& here, chance& when) {
  const owned_fd file = test::scratch_file();
  if constexpr (scene<Channel>::connected) {
    auto narrow = listener<Channel>::bind(address::autobind(), {.backlog = 0}).value();
    victim peer{[&](const test::mark& point) {
      const auto in = Channel::connect(narrow.local_address().value());
      point.reach();
      const auto waits = Channel::connect(narrow.local_address().value());
      stay();
    }};
    if (!peer.reached()) return "not reached";
    when.spin(200us);
    peer.kill();
    auto accepted = narrow.accept(patience());
    if (!accepted || !nothing_follows(*accepted)) return "the first connection is not there, or not over";
    return unless(narrow.try_accept().error() == would_block, "a connection of nobody");
  } else {
    victim peer{[&](const test::mark& point) {
      auto end = datagram::open().value();
      std::uint32_t number = 0;
      const address at = here.at();
      const auto send = [&](deadline until) {
        std::array<std::byte, 4> bytes;
        std::memcpy(bytes.data(), &number, sizeof number);
        return end.send_to(at, bytes, {file}, {.until = until}).has_value();
      };
      while (send(dont_wait)) ++number;
      point.reach();
      (void)send(patience());
    }};
    if (!peer.reached()) return "not reached";
    when.spin(200us);
    peer.kill();
    return all_whole(here.ours(), peer.pid());
  }
}

template <class Channel>
struct point {
  const char* name;
  trouble (*trial)(scene<Channel>& here, chance& when);
};
template <class Channel>
constexpr point<Channel> points[]{
    {"with a socket, before connecting", before_connecting},
    {"connected, not yet accepted", connected_not_accepted},
    {"with descriptors sent, not yet accepted", descriptors_sent_before_accept},
    {"accepted, before it said anything or who it is", accepted_and_silent},
    {"with descriptors sent that nobody has read", descriptors_unread},
    {"after one message of two", after_one_of_two},
    {"in the middle of a large send", in_a_large_send},
    {"blocked in a send into a full queue", blocked_in_a_send},
    {"blocked in a receive", blocked_in_a_receive},
    {"while we wait for its next message", while_we_wait_for_it},
    {"with memory of ours mapped", holding_our_memory},
    {"between shutdown and close", between_shutdown_and_close},
    {"with descriptors of ours unread", with_ours_unread},
    {"as the receiver that our blocked send waits for", receiver_of_our_blocked_send},
    {"anywhere amid many sends", amid_many_sends},
    {"anywhere amid many connects", amid_many_connects},
    {"while it waits for room to get in", waiting_to_get_in},
};

constexpr int repeats = 20;

}  // namespace

TEMPLATE_TEST_CASE(
    "a peer that is killed, at whatever point, leaves whole messages or an exact error, and nothing open", "[killed]",
    stream, datagram, seqpacket) {
  scene<TestType> here{{.items = {receive_item::credentials}}};
  const auto before = test::descriptor_table::now();
  chance when;
  for (const auto& [name, trial] : points<TestType>) {
    for (int i = 0; i != repeats; ++i) {
      INFO(name << ", time " << i);
      const trouble wrong = trial(here, when);
      if (!wrong.empty()) FAIL_CHECK(wrong);
      if (const auto changes = difference(before, test::descriptor_table::now()); !changes.empty()) FAIL(changes);
    }
    INFO("after: " << name);
    CHECK(honest_message(here.peer(), here.ours()));
  }
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("a peer that is stopped costs a bounded queue and no more time than allowed, and goes on in order",
                   "[killed]", stream, datagram, seqpacket) {
  constexpr std::uint32_t last = UINT32_MAX;
  auto [theirs, ours] = TestType::pair().value();
  const owned_fd file = test::scratch_file();
  test::child peer{[&file, &end = theirs, &other = ours] {
    hang_up(other);
    std::array<std::byte, 8> room;
    for (std::uint32_t expected = 0;; ++expected) {
      const auto got = end.receive(room, 1, {.until = patience()});
      std::uint32_t number = 0;
      std::memcpy(&number, room.data(), sizeof number);
      if (!got || got->size != sizeof number || got->descriptors.size() != 1) return false;
      if (number == last) return send_numbered(end, expected, file);
      if (number != expected) return false;
    }
  }};
  hang_up(theirs);
  std::uint32_t sent = 0;
  REQUIRE(send_numbered(ours, sent++, file));
  for (int stops = 0; stops != 3; ++stops) {
    peer.signal(SIGSTOP);
    int status = 0;
    REQUIRE(::waitpid(peer.pid(), &status, WUNTRACED) == peer.pid());
    REQUIRE(WIFSTOPPED(status));

    while (sent < 100'000 && send_numbered(ours, sent, file, {.until = in(2ms)})) ++sent;
    std::array<std::byte, 4> more{};
    CHECK(ours.send(more, {file}, {.until = in(2ms)}).error() == std::errc::timed_out);
    CHECK(ours.try_send(more, {file}).error() == would_block);
    int queued = 0;
    int most = 0;
    socklen_t size = sizeof most;
    REQUIRE(::ioctl(ours.fd().native_handle(), SIOCOUTQ, &queued) == 0);
    REQUIRE(::getsockopt(ours.fd().native_handle(), SOL_SOCKET, SO_SNDBUF, &most, &size) == 0);
    CHECK(queued > 0);
    CHECK(queued <= most + 4096);  // the message that reached the limit is taken
    std::array<std::byte, 8> room;
    CHECK(ours.receive(room, 1, {.until = in(2ms)}).error() == std::errc::timed_out);

    peer.signal(SIGCONT);
    for (int i = 0; i != 50; ++i) REQUIRE(send_numbered(ours, sent++, file, {.until = patience()}));
  }
  REQUIRE(send_numbered(ours, last, file, {.until = patience()}));
  std::array<std::byte, 8> room;
  const auto got = ours.receive(room, 1, {.until = patience()});
  REQUIRE(got);
  std::uint32_t counted = 0;
  std::memcpy(&counted, room.data(), sizeof counted);
  CHECK(counted == sent);
  CHECK(peer.succeeded());
}
