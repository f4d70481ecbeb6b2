// Hostile peers, 38 to 44: who they are not, who they were, and how many.
#include "hostile/mark.hpp"
#include "hostile/scene.hpp"
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

#include <scm/channel.hpp>
#include <scm/inspect.hpp>

#include <sched.h>

#include <fstream>
#include <string>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;
using test::mark;
using test::scene;

namespace {
std::array<std::byte, 8> buffer;

constexpr auto would_block = std::errc::resource_unavailable_try_again;

unsigned overflow_id(const char* which) {
  unsigned id = 65534;
  std::ifstream{std::string("/proc/sys/kernel/") + which} >> id;
  return id;
}
credentials nobody_known() { return {0, overflow_id("overflowuid"), overflow_id("overflowgid")}; }

// Channels and listeners take the items that they are given; without SO_PASSPIDFD there are credentials alone.
channel_options identified() {
  channel_options options{.items = {receive_item::credentials}};
  if (auto made = seqpacket::pair(); made && made->first.set(receive_item::pidfd, true)) {
    options.items.insert(receive_item::pidfd);
  }
  return options;
}
}  // namespace

TEMPLATE_TEST_CASE("hostile 38: who was not asked for is nobody, and who was asked for too late is not root",
                   "[hostile]", stream, datagram, seqpacket) {
  auto [peer, ours] = TestType::pair().value();
  REQUIRE(peer.send("x"));
  {
    const auto got = ours.receive(buffer, 0);
    REQUIRE(got);
    CHECK_FALSE(got->sender);
    CHECK_FALSE(got->sender_pidfd);
  }
  REQUIRE(peer.send("early"));
  REQUIRE(ours.set(receive_item::credentials, true));
  CHECK(ours.receive(buffer, 0)->sender == nobody_known());
  REQUIRE(peer.send("x"));
  CHECK(ours.receive(buffer, 0)->sender == credentials::own());
  CHECK(test::honest_message(peer, ours));
}

TEMPLATE_TEST_CASE("hostile 39: forged credentials do not leave an unprivileged sender, nor do their descriptors",
                   "[hostile]", stream, datagram, seqpacket) {
  test::child nobody{[] {
    if (!test::become_nobody()) return false;
    scene<TestType> here{{.items = {receive_item::credentials}}};
    const credentials own = credentials::own();
    test::witness watched;
    {
      const owned_fd file = watched.give();
      for (const credentials& lie : {credentials{1, own.uid, own.gid}, credentials{::getppid(), own.uid, own.gid},
                                     credentials{0, own.uid, own.gid}, credentials{own.pid, 0, own.gid},
                                     credentials{own.pid, own.uid, 0}, credentials{0, 0, 0}}) {
        if (here.peer().send("x", {file}, {.as = lie}).error() != std::errc::operation_not_permitted) return false;
      }
      const auto invalid = here.peer().send("x", {file}, {.as = credentials{own.pid, static_cast<uid_t>(-1), own.gid}});
      if (invalid.error() != std::errc::invalid_argument) return false;
    }
    if (!watched.closed() || here.ours().try_receive(buffer, 1).error() != would_block) return false;
    if (!here.peer().send("x")) return false;
    if (here.ours().receive(buffer, 0, {.until = test::patience()})->sender != own) return false;
    return here.serves();
  }};
  CHECK(nobody.succeeded());
}

TEMPLATE_TEST_CASE("hostile 40: a socket that was handed on is its maker's by connection, and its writer's by message",
                   "[hostile]", stream, datagram, seqpacket) {
  auto [carrier, carried] = seqpacket::pair().value();
  auto [peer, ours] = TestType::pair().value();
  REQUIRE(ours.set(receive_item::credentials, true));
  REQUIRE(carrier.send("x", {peer.fd()}));
  test::child other{[&in = carried] {
    if (!test::become_nobody()) return false;
    auto got = in.receive(buffer, 1, {.until = test::patience()});
    if (!got) return false;
    auto theirs = TestType::adopt(got->descriptors.take(0));
    return theirs && theirs->send("x");
  }};
  const pid_t writer = other.pid();
  const auto got = ours.receive(buffer, 0, {.until = test::patience()});
  CHECK(other.succeeded());
  REQUIRE(got);
  REQUIRE(got->sender);
  CHECK(got->sender->pid == writer);
  if (::geteuid() == 0) CHECK(got->sender->uid != ::geteuid());
  CHECK(ours.peer().process.value == credentials::own());
  CHECK(ours.peer().process.from == evidence::connection);
  CHECK(test::honest_message(peer, ours));
}

TEMPLATE_TEST_CASE("hostile 41: of a peer that is gone before it is looked at a number stays, and a pidfd that says so",
                   "[hostile]", stream, datagram, seqpacket) {
  scene<TestType> here{identified()};
  test::child gone{[at = here.at()] {
    auto peer = TestType::connect(at);
    return peer && peer->send("x");
  }};
  const pid_t pid = gone.pid();
  REQUIRE(gone.succeeded());  // and reaped

  std::optional<TestType> accepted;
  if constexpr (scene<TestType>::connected) {
    accepted = here.door().accept(test::patience()).value();
    const peer_identity peer = accepted->peer();
    CHECK(peer.process.value->pid == pid);  // may be somebody else's by now
    if (peer.pidfd.value) {
      CHECK(test::described(*peer.pidfd.value).process == -1);
    } else {
      CHECK(peer.pidfd.value.error() == errc::unsupported);
    }
  }
  channel& ours = accepted ? *accepted : here.ours();
  {
    const auto got = ours.receive(buffer, 0, {.until = test::patience()});
    REQUIRE(got);
    CHECK(got->sender == credentials{pid, ::getuid(), ::getgid()});
    if (identified().items.contains(receive_item::pidfd)) {
      REQUIRE(got->sender_pidfd);
      CHECK(test::described(got->sender_pidfd).process == -1);
    }
  }
  CHECK(test::nothing_follows(ours));
  CHECK(here.serves());
}

TEMPLATE_TEST_CASE("hostile 42: somebody without a number or a user in our namespaces is not process 0, and not root",
                   "[hostile]", stream, datagram, seqpacket) {
  auto [peer, ours] = TestType::pair().value();
  REQUIRE(peer.set(receive_item::credentials, true));
  REQUIRE(ours.set(receive_item::credentials, true));
  const credentials outsider = nobody_known();
  mark inside;
  test::child other{[&inside, &outsider, &end = ours] {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) return true;
    inside.reach();
    test::child first{[&end, &outsider] {
      const auto got = end.receive(buffer, 0, {.until = test::patience()});
      if (!got || got->sender != outsider) return false;
      // A pair has a process on record; datagrams too, but only those that were made as a pair.
      if (end.peer().process.value != outsider) return false;
      return end.send("y").has_value();
    }};
    return first.succeeded();
  }};
  if (!inside.wait()) {
    CHECK(other.succeeded());
    SCM_SKIP("no user and pid namespaces of our own are permitted");
  }
  REQUIRE(peer.send("x"));
  CHECK(other.succeeded());
  const auto got = peer.try_receive(buffer, 0);
  REQUIRE(got);
  REQUIRE(got->sender);
  CHECK(got->sender->pid > 0);
  CHECK(got->sender->pid != ::getpid());
  CHECK(got->sender->uid == ::getuid());  // outside it is who it always was
  CHECK(test::honest_message(peer, ours));
}

TEMPLATE_TEST_CASE("hostile 43: who squats on an abstract name keeps it, and is seen for who it is", "[hostile]",
                   stream, datagram, seqpacket) {
  const address at = address::abstract("scm-test-squat-" + std::to_string(::getpid())).value();
  const auto bind = [&at] {
    if constexpr (scene<TestType>::connected) {
      return listener<TestType>::bind(at, {.file = {.replace_stale = true}});
    } else {
      return datagram::bind(at, {.replace_stale = true});
    }
  };
  mark bound;
  test::child squatter{[&bind, &bound] {
    if (!test::become_nobody()) return false;
    const auto taken = bind();
    if (!taken) return false;
    bound.reach();
    for (;;) ::pause();
  }};
  REQUIRE(bound.wait());
  CHECK(bind().error() == std::errc::address_in_use);
  {
    const auto client = TestType::connect(at).value();
    const auto who = client.peer().process.value;
    if constexpr (scene<TestType>::connected) {
      REQUIRE(who);
      CHECK(who->pid == squatter.pid());
      if (::geteuid() == 0) CHECK(who->uid != 0);
    } else {
      CHECK(who.error() == std::errc::no_message_available);  // a datagram socket has no one on record
    }
  }
  squatter.kill();
  auto ours = bind();
  REQUIRE(ours);
  auto client = TestType::connect(at).value();
  if constexpr (scene<TestType>::connected) {
    auto accepted = ours->accept(test::patience()).value();
    CHECK(test::honest_message(client, accepted));
  } else {
    CHECK(test::honest_message(client, *ours));
  }
}

TEMPLATE_TEST_CASE("hostile 44: a thousand connections that say nothing are in nobody's way", "[hostile]", stream,
                   datagram, seqpacket) {
  constexpr std::size_t crowd = 1000;
  const test::descriptor_limit enough{crowd + 100};
  scene<TestType> here;
  mark arrived;
  test::child idle{[&arrived, at = here.at()] {
    std::vector<TestType> all;
    while (all.size() != crowd) {
      auto one = TestType::connect(at);
      if (!one) return false;
      all.push_back(std::move(*one));
    }
    arrived.reach();
    for (;;) ::pause();
  }};
  REQUIRE(arrived.wait());
  CHECK(test::honest_message(here.peer(), here.ours()));
  if constexpr (scene<TestType>::connected) {
    auto late = TestType::connect(here.at()).value();  // behind them in the backlog
    REQUIRE(late.send("late"));
    std::vector<TestType> accepted;
    for (std::size_t i = 0; i != crowd + 1; ++i) accepted.push_back(here.door().accept(test::patience()).value());
    CHECK(accepted.front().try_receive(buffer, 1).error() == would_block);
    CHECK(accepted.back().receive(buffer, 0, {.until = test::patience()})->size == 4);
    idle.kill();
    for (auto& one : accepted) {
      if (&one != &accepted.back()) CHECK(one.try_receive(buffer, 1).error() == errc::end_of_file);
    }
  }
  CHECK(here.serves());
}
