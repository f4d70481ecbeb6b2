// What clients of a control server can use up, and what becomes of who goes past it.
#include "service/served.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

#include <algorithm>
#include <string>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

const std::string rate = R"({"err":7,"msg":"RATE"})";
const std::string lost = R"({"err":24,"msg":"descriptors were lost: no more can be opened here now, try again later"})";

// Takes what comes with its line, and says how much it was.
void counting(control_server& server) {
  REQUIRE(server.handle("count", [](control_request& asked) {
    control_answer answer;
    answer.text = std::to_string(asked.descriptors.size());
    return answer;
  }));
}
// Answers with so many bytes.
void verbose(control_server& server) {
  REQUIRE(server.handle("bytes", [](control_request& asked) {
    control_answer answer;
    answer.text.assign(std::stoul(std::string{asked.words[1]}), 'x');
    return answer;
  }));
}

bool eventually(const auto& condition) {
  for (const auto until = patience(); std::chrono::steady_clock::now() < until; std::this_thread::sleep_for(1ms)) {
    if (condition()) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("a line as long as the limit is read, and one byte more is too much") {
  control_options options = for_this_user();
  options.limits.line = 100;
  served here{options};
  auto client = here.client();
  CHECK(client.ask(std::string(96, ' ') + "ping") == "PONG");
  CHECK(client.ask(std::string(97, ' ') + "ping") == rate);
  CHECK(client.hear() == "(end)");

  auto endless = here.client();
  REQUIRE(endless.say(std::string(100, ' ')));
  CHECK(endless.quiet());
  REQUIRE(endless.say(" "));  // nobody waits for its end
  CHECK(endless.hear() == rate);

  auto after = here.client();
  REQUIRE(after.say("ping\n" + std::string(200, 'x')));
  CHECK(after.hear() == "PONG");
  CHECK(after.hear() == rate);
  CHECK(here.figure("over_limit") == 3);
}

TEST_CASE("descriptors with bytes of two lines are nobody's: the connection ends, and they are closed") {
  served here{for_this_user(), counting};
  for (const std::string_view bytes : {"count\ncount\n", "count\nc", "\ncount\n"}) {
    auto client = here.client();
    witness watched;
    {
      const owned_fd file = watched.give();
      REQUIRE(client.say(bytes, {file}));
    }
    CHECK(client.hear() == R"({"err":22,"msg":"descriptors came with bytes of more than one line: send such a line by )"
                           R"(itself, when all lines before it are answered"})");
    CHECK(client.hear() == "(end)");
    CHECK(watched.closed());
  }
  CHECK(here.figure("ambiguous") == 3);
}

TEST_CASE("descriptors with a part of a line are its own, and not the next one's") {
  served here{for_this_user(), counting};
  auto client = here.client();
  const owned_fd file = scratch_file();
  REQUIRE(client.say("co", {file}));
  REQUIRE(client.say("unt", {file}));
  REQUIRE(client.say("\n", {file}));
  CHECK(client.hear() == "3");
  CHECK(client.ask("count") == "0");
  REQUIRE(client.say("count\n", {file}));
  REQUIRE(client.say("count\ncount\n"));
  CHECK(client.hear() == "1");
  CHECK(client.hear() == "0");
  CHECK(client.hear() == "0");
}

TEST_CASE("a line has so many descriptors and not one more") {
  control_options options = for_this_user();
  options.limits.descriptors_per_line = 2;
  served here{options, counting};
  const owned_fd file = scratch_file();
  auto client = here.client();
  CHECK(client.ask("count", {file, file}) == "2");
  CHECK(client.ask("count", {file, file, file}) == rate);
  auto parts = here.client();
  REQUIRE(parts.say("cou", {file, file}));
  REQUIRE(parts.say("nt\n", {file}));
  CHECK(parts.hear() == rate);
}

TEST_CASE("a server that takes no descriptors refuses them") {
  control_options options = for_this_user();
  options.limits.descriptors_per_line = 0;
  served here{options, counting};
  const owned_fd file = scratch_file();
  auto client = here.client();
  CHECK(client.ask("count") == "0");
  CHECK(client.ask("count", {file}) == rate);
}

TEST_CASE("descriptors of unfinished lines are counted for the user, over all connections") {
  control_options options = for_this_user();
  options.limits.descriptors_per_uid = 4;
  served here{options, counting};
  const owned_fd file = scratch_file();
  auto first = here.client();
  auto second = here.client();
  REQUIRE(first.say("count", {file, file, file}));
  REQUIRE(eventually([&] { return here.figure("descriptors_in") == 3; }));
  CHECK(second.ask("count", {file, file}) == rate);
  REQUIRE(first.say("\n"));
  CHECK(first.hear() == "3");
  auto third = here.client();
  CHECK(third.ask("count", {file, file, file, file}) == "4");
}

TEST_CASE("a user has so many connections and not one more") {
  control_options options = for_this_user();
  options.limits.connections_per_uid = 3;
  served here{options};
  std::vector<control_client> clients;
  for (int i = 0; i != 3; ++i) {
    clients.push_back(here.client());
    CHECK(clients.back().ask("ping") == "PONG");
  }
  CHECK(here.client().hear() == rate);
  clients.pop_back();
  CHECK(eventually([&] { return here.client().ask("ping") == "PONG"; }));
}

TEST_CASE("the server has so many connections and not one more") {
  control_options options = for_this_user();
  options.limits.connections = 1;
  served here{options};
  auto only = here.client();
  CHECK(only.ask("ping") == "PONG");
  CHECK(here.client().hear() == rate);
}

TEST_CASE("one silent connection too many costs the oldest of whoever has most of them") {
  control_options options = for_this_user();
  options.limits.unauthenticated = 3;
  served here{options};
  auto known = here.client();
  CHECK(known.ask("ping") == "PONG");
  std::vector<control_client> silent;
  for (int i = 0; i != 3; ++i) silent.push_back(here.client());
  CHECK(eventually([&] { return known.ask("stat").find(R"("unauthenticated":3,)") != std::string::npos; }));
  silent.push_back(here.client());
  CHECK(silent[0].hear() == "(end)");
  for (int i = 1; i != 4; ++i) CHECK(silent[static_cast<std::size_t>(i)].ask("ping") == "PONG");
  CHECK(known.ask("ping") == "PONG");
}

TEST_CASE("a silent user does not cost another's silent connection") {
  if (::geteuid() != 0) SCM_SKIP("this needs root");
  control_options options = for_this_user();
  options.limits.unauthenticated = 3;
  served here{options};
  auto mine = here.client();  // the oldest
  auto [ready, tell] = stream::pair().value();
  child flood{[&] {
    if (!become_somebody_else()) return false;
    std::vector<control_client> silent;
    for (int i = 0; i != 10; ++i) silent.push_back(here.client());
    (void)tell.send("x");
    return silent.back().hear() == "(end)";
  }};
  std::array<char, 1> one;
  REQUIRE(ready.receive(one, 0, {.until = patience()}));
  CHECK(mine.ask("ping") == "PONG");
  flood.kill();
}

TEST_CASE("a reader that never reads is dropped, and nobody waits for it") {
  control_options options = for_this_user();
  options.limits.output_bytes = 10'000;
  served here{options, verbose};
  auto lazy = here.client();
  auto other = here.client();
  for (int i = 0; i != 1000 && lazy.say("bytes 9000\n"); ++i) {
  }
  CHECK(other.ask("ping") == "PONG");
  CHECK(eventually([&] { return here.figure("slow") == 1; }));
  CHECK(lazy.hear_all().size() < 1'000'000);
}

TEST_CASE("a slow reader gets all that was answered, while it fits") {
  served here{for_this_user(), verbose};
  auto slow = here.client();
  REQUIRE(slow.say("bytes 200000\nbytes 200000\nping\n"));
  std::this_thread::sleep_for(20ms);
  CHECK(slow.hear().size() == 200'000);
  CHECK(slow.hear().size() == 200'000);
  CHECK(slow.hear() == "PONG");
}

TEST_CASE("a user has so many answers waiting and not one more") {
  control_options options = for_this_user();
  options.limits.lines_per_uid = 5;
  std::atomic<int> ticks{0};
  served here{options, [&](control_server& server) {
                verbose(server);
                REQUIRE(server.handle("tick", [&](control_request&) {
                  ++ticks;
                  return control_answer{};
                }));
              }};
  auto lazy = here.client();
  std::string all = "bytes 220000\n";  // more than the kernel takes
  for (int i = 0; i != 10; ++i) all += "tick\n";
  REQUIRE(lazy.say(all));
  REQUIRE(eventually([&] { return ticks == 4; }));
  const std::string heard = lazy.hear_all();
  CHECK(std::ranges::count(heard, '\n') == 6);
  CHECK(heard.ends_with(rate + "\n"));
  CHECK(ticks == 4);
}

TEST_CASE("who does not read the last answer is dropped after the grace period") {
  control_options options = for_this_user();
  options.grace = 100ms;
  served here{options, verbose};
  auto lazy = here.client();
  REQUIRE(lazy.say("bytes 220000\nquit\n"));
  CHECK(eventually([&] { return here.figure("late") == 1; }));
}

TEST_CASE("a stop waits for slow readers no longer than the grace period") {
  control_options options = for_this_user();
  options.grace = 100ms;
  served here{options, verbose};
  auto lazy = here.client();
  REQUIRE(lazy.say("bytes 220000\n"));
  CHECK(eventually([&] { return here.figure("lines") >= 2; }));
  CHECK(here.stop());
  CHECK(lazy.hear_all().size() < 220'001);
}

TEST_CASE("at a full descriptor table new clients are told, and those that are there are served", "[no-valgrind]") {
  served here{for_this_user(), counting};
  auto known = here.client();
  CHECK(known.ask("ping") == "PONG");
  const owned_fd file = scratch_file();
  {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const descriptor_limit full{descriptor_limit::leaving_free(1)};
    child crowd{[&] {
      ::setrlimit(RLIMIT_NOFILE, &before);  // of this process alone
      std::vector<control_client> clients;
      for (int i = 0; i != 20; ++i) clients.push_back(here.client());
      int served = 0;
      int refused = 0;
      for (auto& client : clients) {
        const std::string answer = client.ask("ping");
        served += answer == "PONG";
        refused += answer.starts_with(R"({"err":24,)") || answer == "(error)";
      }
      return served <= 1 && refused >= 19;
    }};
    CHECK(crowd.succeeded());
    CHECK(known.ask("ping") == "PONG");
    // The first of the crowd is gone by now, perhaps: one slot at most.
    CHECK(known.ask("count", {file, file, file}) == lost);
    CHECK(known.hear() == "(end)");
  }
  CHECK(here.client().ask("ping") == "PONG");
  CHECK(here.figure("refused") >= 19);
  CHECK(here.figure("lost") == 1);
}

TEST_CASE("a thousand commands of one client do not keep another waiting for their end") {
  int done = 0;
  int when_asked = -1;
  served here{for_this_user(), [&](control_server& server) {
                REQUIRE(server.handle("work", [&](control_request&) {
                  if (done == 0) std::this_thread::sleep_for(50ms);  // meanwhile the other asks
                  ++done;
                  return control_answer{};
                }));
                REQUIRE(server.handle("look", [&](control_request&) {
                  when_asked = done;
                  return control_answer{};
                }));
              }};
  auto busy = here.client();
  auto other = here.client();
  CHECK(other.ask("ping") == "PONG");
  std::string all;
  for (int i = 0; i != 800; ++i) all += "work\n";
  REQUIRE(busy.say(all));
  CHECK(other.ask("look").empty());
  for (int i = 0; i != 800; ++i) (void)busy.hear();
  CHECK(here.stop());
  CHECK(done == 800);
  CHECK(when_asked <= 4 * 32);
}
