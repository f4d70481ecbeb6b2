// A descriptor broker on its server: lines in, descriptors out, expiry, and hand-overs that come about or do not.
#include "service/served.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/same_file.hpp"
#include "support/witness.hpp"

#include <scm/service/broker.hpp>

#include <optional>
#include <string>

using namespace scm;
using namespace std::chrono_literals;
using test::control_client;

namespace {

struct served_broker {
  explicit served_broker(const broker_options& options = {})
      : broker{descriptor_broker::make(options).value()}, server{test::for_this_user(), [this](control_server& to) {
                                                                   (void)broker.attach(to).value();
                                                                   extra(to);
                                                                 }} {}
  served_broker(const served_broker&) = delete;
  served_broker& operator=(const served_broker&) = delete;
  ~served_broker() { (void)server.stop(); }

  // A command of the test's own, after which the next line is handled at once.
  void extra(control_server& to) {
    (void)to.handle("end-the-process", [this](control_request&) -> control_answer {
      process->kill();
      return {.text = "ended"};
    });
  }

  std::optional<test::child> process;
  descriptor_broker broker;
  test::served server;
};

constexpr int patient = 10'000;  // milliseconds

std::string ours() { return std::to_string(::getuid()); }

}  // namespace

TEST_CASE("a broker keeps what it was sent when its sender is gone, and sends it to the next", "[service]") {
  served_broker with;
  test::witness pipe;
  {
    auto first = with.server.client();
    CHECK(first.ask("store out", {pipe.lent()}) == R"({"stored":"out","descriptors":1})");
  }
  auto second = with.server.client();
  CHECK(second.ask("fetch out").starts_with(R"({"fetched":"out","uid":)" + ours()));
  REQUIRE(second.descriptors().size() == 1);
  CHECK(test::same_open_file(second.descriptors()[0], pipe.lent()));
  second.descriptors().clear();
  (void)pipe.give();
  CHECK(second.ask("drop out") == R"({"dropped":"out"})");
  CHECK(pipe.closed_within(patient));
  CHECK(with.server.stop());
}

TEST_CASE("an entry that has expired is not fetched, even if nobody has looked since", "[service]") {
  served_broker with;
  test::witness pipe;
  auto [told, tell] = seqpacket::pair().value();
  with.process.emplace([&] {
    auto client = with.server.client();
    const bool stored = client.ask("store out expiring", {pipe.lent()}).starts_with(R"({"stored")");
    (void)tell.send(stored ? "+" : "-");
    ::pause();
    return true;
  });
  (void)pipe.give();
  std::array<char, 1> word;
  REQUIRE(told.receive(word, 0, {.until = test::patience()}));
  if (word[0] == '-') return;  // before Linux 6.5
  auto client = with.server.client();
  CHECK(client.ask("fetch out").starts_with(R"({"fetched")"));
  client.descriptors().clear();
  CHECK(client.say("end-the-process\nfetch out\n"));
  CHECK(client.hear() == "ended");
  CHECK(client.hear().starts_with(R"({"err":2,)"));
  CHECK(pipe.closed_within(patient));
}

TEST_CASE("a client that is killed at any moment leaves what it has stored, and nothing else", "[service]") {
  served_broker with;
  test::witness kept;
  auto client = with.server.client();
  REQUIRE(client.ask("store kept", {kept.lent()}).starts_with(R"({"stored")"));
  (void)kept.give();

  // Each says so much, and is killed.
  using step = void (*)(control_client&, borrowed_fd);
  static constexpr auto store = [](control_client& to, borrowed_fd what) { (void)to.ask("store its", {what}); };
  const step steps[] = {
      [](control_client&, borrowed_fd) {},
      [](control_client& to, borrowed_fd what) { (void)to.say("store i", {what}); },
      [](control_client& to, borrowed_fd what) { (void)to.say("store its\n", {what}); },
      store,
      [](control_client& to, borrowed_fd what) { store(to, what), (void)to.say("fetch its\n"); },
      [](control_client& to, borrowed_fd what) { store(to, what), (void)to.ask("fetch its"); },
      [](control_client& to, borrowed_fd what) { store(to, what), (void)to.say("fetch its\nfetch kept\ndrop its\n"); },
  };
  for (int round = 0; round != 20; ++round) {
    for (const step& until : steps) {
      test::witness pipe;
      auto [told, tell] = seqpacket::pair().value();
      {
        test::child its{[&] {
          auto from = with.server.client();
          until(from, pipe.lent());
          (void)tell.send("+");
          ::pause();
          return true;
        }};
        (void)pipe.give();
        std::array<char, 1> word;
        REQUIRE(told.receive(word, 0, {.until = test::patience()}));
        its.kill();
      }
      // What it said last may be on its way still.
      bool closed = false;
      for (int i = 0; !closed && i != 500; ++i) {
        (void)client.ask("drop its");
        closed = pipe.closed_within(20);
      }
      CHECK(closed);
      CHECK(client.ask("fetch kept").starts_with(R"({"fetched")"));
      client.descriptors().clear();
    }
  }
  CHECK(client.ask("drop kept") == R"({"dropped":"kept"})");
  CHECK(kept.closed_within(patient));
  CHECK(with.server.figure("connections") == 2);  // the client's, and the one that asks
}

TEST_CASE("a store is handed over with its listener, and the server ends", "[service]") {
  served_broker with;
  test::witness pipe;
  auto client = with.server.client();
  CHECK(client.ask("store out", {pipe.lent()}).starts_with(R"({"stored")"));
  (void)pipe.give();
  // The successor returns when the broker is gone: the connection that it waits for is the broker's, here a thread's.
  std::optional<result<taken_over, take_over_error>> taken;
  std::thread successor{[&] { taken = descriptor_broker::take_over(with.server.at(), {}); }};
  CHECK(with.server.wait());
  CHECK(with.broker.handed_over());
  with.broker = descriptor_broker::make({}).value();  // and so the old one ends
  successor.join();
  REQUIRE(taken->has_value());
  CHECK((*taken)->broker.entries() == 1);
  CHECK((*taken)->at.local_address() == with.server.at());
  auto waiting = stream::connect(with.server.at(), dont_wait);
  CHECK(waiting);
  CHECK((*taken)->at.accept(test::patience()));
  taken.reset();
  CHECK(pipe.closed_within(patient));
}

TEST_CASE("a successor that gives up, talks nonsense or says nothing costs nothing", "[service]") {
  std::atomic<int> kept{0};
  served_broker with{{.hand_over_for = 200ms, .when_kept = [&](std::error_code) { ++kept; }}};
  test::witness pipe;
  auto client = with.server.client();
  CHECK(client.ask("store out", {pipe.lent()}).starts_with(R"({"stored")"));
  for (const std::string_view said : {"", "x", "silence"}) {
    auto successor = with.server.client();
    CHECK(successor.ask("hand-over") == R"({"entries":1})");
    if (said == "x") CHECK(successor.say(std::string(500, 'x')));
    if (said == "silence") CHECK(successor.hear() == "(end)");
    control_client{std::move(successor)};
    auto another = with.server.client();
    CHECK(another.ask("fetch out").starts_with(R"({"fetched")"));
  }
  CHECK(kept == 3);
  CHECK_FALSE(with.broker.handed_over());
  CHECK(client.ask("hand-over now").starts_with(R"({"err":22,)"));
  CHECK(client.ask("ping") == "PONG");
}

TEST_CASE("a broker that is asked by another user hands over nothing", "[service]") {
  if (::getuid() != 0) return;
  auto options = test::for_this_user();
  options.access.uids = {65534};
  auto broker = descriptor_broker::make({}).value();
  test::served server{options, [&](control_server& to) { (void)broker.attach(to).value(); }};
  test::child nobody{[&] {
    if (!test::become_nobody()) return false;
    auto client = server.client();
    return client.ask("ping") == "PONG" && client.ask("hand-over").starts_with(R"({"err":13,)");
  }};
  CHECK(nobody.succeeded());
}
