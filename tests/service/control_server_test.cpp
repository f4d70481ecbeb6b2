// A control server's lines, modes, handlers and descriptors, as an honest client sees them.
#include "service/served.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/same_file.hpp"

#include <scm/process/event.hpp>

#include <memory>
#include <stdexcept>
#include <string>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

control_answer spoken(std::string text) {
  control_answer answer;
  answer.text = std::move(text);
  return answer;
}
control_answer lent(owned_fd&& fd) {
  auto list = std::make_shared<descriptor_list>();
  (void)list->adopt(std::move(fd));
  control_answer answer;
  answer.text = "here";
  answer.descriptors = std::move(list);
  return answer;
}

}  // namespace

TEST_CASE("the server's own commands are answered") {
  control_options options = for_this_user();
  options.version_major = 3;
  options.version_minor = 14;
  served here{options};
  auto client = here.client();
  CHECK(client.ask("ping") == "PONG");
  CHECK(client.ask("version") == R"({"major":3,"minor":14})");
  CHECK(client.ask("stat").starts_with(R"({"connections":1,"unauthenticated":0,"uids":1,"accepted":1,"refused":0,)"));
  CHECK(client.ask("stats") == "connections      1");
}

TEST_CASE("quit and exit close the connection without an answer") {
  served here;
  for (const char* word : {"quit\n", "exit\n"}) {
    auto client = here.client();
    REQUIRE(client.say(word));
    CHECK(client.hear() == "(end)");
  }
}

TEST_CASE("an unknown command is an error, and the connection goes on") {
  served here;
  auto client = here.client();
  CHECK(client.ask("no\"such") == R"({"err":38,"msg":"no such command: no\"such"})");
  CHECK(client.ask("\xff") == "{\"err\":38,\"msg\":\"no such command: \xef\xbf\xbd\"}");
  CHECK(client.ask("ping") == "PONG");
}

TEST_CASE("empty lines have no answer, and blanks and a carriage return are no words") {
  served here;
  auto client = here.client();
  REQUIRE(client.say("\n \t\n\r\n  ping \t \r\n"));
  CHECK(client.hear() == "PONG");
}

TEST_CASE("a line with a control character is an error, and the connection goes on") {
  served here;
  auto client = here.client();
  for (const std::string& line : {std::string{"pi\0ng", 5}, std::string{"ping \x1b[2J"}, std::string{"\x7f"}}) {
    CHECK(client.ask(line) == R"({"err":22,"msg":"control characters in a line"})");
  }
  CHECK(client.ask("ping") == "PONG");
}

TEST_CASE("lines are answered in their order, however they are cut") {
  served here{
      for_this_user(), [](control_server& server) {
        REQUIRE(server.handle("say", [](control_request& asked) { return spoken(std::string{asked.words[1]}); }));
      }};
  std::string all;
  for (int i = 0; i != 500; ++i) all += "say " + std::to_string(i) + "\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, all.size()}) {
    auto client = here.client();
    const std::size_t size = piece == 1 ? 400 : all.size();
    for (std::size_t at = 0; at < size; at += piece) REQUIRE(client.say(all.substr(at, std::min(piece, size - at))));
    int wrong = 0;
    for (int i = 0; i != (piece == 1 ? 50 : 500); ++i) wrong += client.hear() != std::to_string(i);
    CHECK(wrong == 0);
  }
}

TEST_CASE("a non-interactive connection carries out one command, and then ends") {
  control_options options = for_this_user();
  options.mode = control_mode::non_interactive;
  served here{options};
  auto client = here.client();
  REQUIRE(client.say("\nping\nping\n"));
  CHECK(client.hear_all() == "PONG\n");

  auto changed = here.client();
  REQUIRE(changed.say("prompt i\n"));
  CHECK(changed.ask("ping") == "PONG");
  CHECK(changed.ask("ping") == "PONG");
  REQUIRE(changed.say("prompt n\nping\nping\n"));
  CHECK(changed.hear_all() == "PONG\n");
}

TEST_CASE("a prompt is written before each command") {
  served here;
  auto client = here.client();
  REQUIRE(client.say("prompt p\n"));
  CHECK(client.hear_bytes(2) == "; ");
  REQUIRE(client.say("ping\n"));
  CHECK(client.hear_bytes(7) == "PONG\n; ");
  REQUIRE(client.say("\n"));
  CHECK(client.hear_bytes(2) == "; ");
  REQUIRE(client.say("prompt i\nping\n"));
  CHECK(client.hear() == "PONG");
  CHECK(client.ask("ping") == "PONG");

  control_options options = for_this_user();
  options.mode = control_mode::prompt;
  served greeting{options};
  auto greeted = greeting.client();
  CHECK(greeted.hear_bytes(2) == "; ");
}

TEST_CASE("a bare prompt toggles, and another word is an error") {
  served here;
  auto client = here.client();
  REQUIRE(client.say("prompt\n"));
  CHECK(client.hear_bytes(2) == "; ");
  REQUIRE(client.say("prompt\n"));
  CHECK(client.ask("prompt x") ==
        R"-({"err":22,"msg":"prompt takes n (one command), i (interactive) or p (with a prompt)"})-");
  CHECK(client.ask("prompt n i").starts_with(R"({"err":22,)"));
}

TEST_CASE("a handler is given the words and the caller, and answers with text") {
  served here{for_this_user(), [](control_server& server) {
                REQUIRE(server.handle("who", [](control_request& asked) {
                  return spoken(std::to_string(asked.words.size()) + ' ' + std::string{asked.words.back()} + ' ' +
                                std::to_string(asked.caller.pid) + ' ' + std::to_string(asked.caller.uid) + ' ' +
                                std::to_string(asked.caller.gid) + ' ' + std::to_string(asked.descriptors.size()));
                }));
              }};
  auto client = here.client();
  CHECK(client.ask("who am  i") == "3 i " + std::to_string(::getpid()) + ' ' + std::to_string(::getuid()) + ' ' +
                                       std::to_string(::getgid()) + " 0");
}

TEST_CASE("a handler is given the descriptors of its line, and keeps what it takes") {
  owned_fd kept;
  served here{for_this_user(), [&](control_server& server) {
                REQUIRE(server.handle("keep", [&](control_request& asked) {
                  const auto count = asked.descriptors.size();
                  kept = asked.descriptors.take(0);
                  return spoken(std::to_string(count));
                }));
              }};
  auto client = here.client();
  witness first;
  witness second;
  {
    const owned_fd one = first.give();
    const owned_fd two = second.give();
    CHECK(client.ask("keep", {one, two}) == "2");
  }
  CHECK(client.ask("ping") == "PONG");
  CHECK(second.closed());
  CHECK_FALSE(first.closed());
  CHECK(here.stop());
  CHECK(kept);
  kept.reset();
  CHECK(first.closed());
}

TEST_CASE("a handler answers with a descriptor, which comes with its answer's bytes") {
  const owned_fd file = scratch_file();
  served here{for_this_user(), [&](control_server& server) {
                REQUIRE(server.handle("open", [&](control_request&) { return lent(duplicate(file).value()); }));
              }};
  auto client = here.client();
  CHECK(client.ask("ping") == "PONG");
  CHECK(client.ask("open") == "here");
  REQUIRE(client.descriptors().size() == 1);
  CHECK(same_open_file(client.descriptors()[0], file));
  client.descriptors().clear();
  REQUIRE(client.say("ping\nopen\nping\nopen\n"));
  for (const char* wanted : {"PONG", "here", "PONG", "here"}) CHECK(client.hear() == wanted);
  CHECK(client.descriptors().size() == 2);
}

TEST_CASE("descriptors that cannot be sent become an error in the answer's place") {
  served here{for_this_user(), [&](control_server& server) {
                REQUIRE(server.handle("none", [&](control_request&) {
                  auto list = std::make_shared<descriptor_list>();
                  (void)list->adopt(-EMFILE);
                  control_answer answer;
                  answer.text = "here";
                  answer.descriptors = std::move(list);
                  return answer;
                }));
              }};
  auto client = here.client();
  CHECK(client.ask("none") == R"({"err":9,"msg":"the answer's descriptors cannot be sent: Bad file descriptor"})");
  CHECK(client.ask("ping") == "PONG");
}

TEST_CASE("an exception of a handler is an error to the client, and ends nothing") {
  served here{
      for_this_user(), [](control_server& server) {
        REQUIRE(server.handle("a", [](control_request&) -> control_answer { throw std::runtime_error{"why"}; }));
        REQUIRE(server.handle("b", [](control_request&) -> control_answer { throw std::bad_alloc{}; }));
        REQUIRE(server.handle("c", [](control_request&) -> control_answer { throw 1; }));
      }};
  auto client = here.client();
  CHECK(client.ask("a") == R"({"err":5,"msg":"a: why"})");
  CHECK(client.ask("b") == R"({"err":12,"msg":"no memory for this command"})");
  CHECK(client.ask("c") == R"({"err":5,"msg":"c failed"})");
  CHECK(client.ask("ping") == "PONG");
}

TEST_CASE("an answer can end the connection") {
  served here{for_this_user(), [](control_server& server) {
                REQUIRE(server.handle("bye", [](control_request&) {
                  control_answer answer = spoken("bye");
                  answer.close = true;
                  return answer;
                }));
              }};
  auto client = here.client();
  REQUIRE(client.say("bye\nping\n"));
  CHECK(client.hear_all() == "bye\n");
}

TEST_CASE("an answer can hand the connection over, which is then the handler's alone") {
  std::optional<stream> taken;
  served here{for_this_user(), [&](control_server& server) {
                REQUIRE(server.handle("take", [&](control_request&) {
                  control_answer answer = spoken("yours");
                  answer.take = [&](stream&& whole) { taken.emplace(std::move(whole)); };
                  return answer;
                }));
              }};
  auto client = here.client();
  CHECK(client.ask("take") == "yours");
  auto other = here.client();
  CHECK(other.ask("stat").starts_with(R"({"connections":1,)"));
  CHECK(here.stop());
  REQUIRE(taken);
  CHECK((::fcntl(taken->fd().native_handle(), F_GETFL) & O_NONBLOCK) == 0);
  REQUIRE(taken->send("and on"));
  CHECK(client.hear_bytes(6) == "and on");
}

TEST_CASE("a connection with bytes behind the line that hands it over is not handed over") {
  bool taken = false;
  served here{for_this_user(), [&](control_server& server) {
                REQUIRE(server.handle("take", [&](control_request&) {
                  control_answer answer = spoken("yours");
                  answer.take = [&](stream&&) { taken = true; };
                  return answer;
                }));
              }};
  auto client = here.client();
  REQUIRE(client.say("take\nx"));
  CHECK(client.hear() == "yours");
  CHECK(client.hear() == "(end)");
  CHECK(here.stop());
  CHECK_FALSE(taken);
}

TEST_CASE("end of file with an answer due closes after the answer") {
  served here;
  auto client = here.client();
  REQUIRE(client.say("ping\nping\nunfinished"));
  REQUIRE(client.socket().shutdown_send());
  CHECK(client.hear_all() == "PONG\nPONG\n");
}

TEST_CASE("names are words, and given once") {
  served here;
  CHECK(here.stop());
  auto& server = here.server();
  const auto nothing = [](control_request&) { return control_answer{}; };
  for (const char* name : {"", "two words", "tab\tbed", "line\n"}) {
    CHECK(server.handle(name, nothing).error() == std::errc::invalid_argument);
  }
  CHECK(server.handle("empty", {}).error() == std::errc::invalid_argument);
  for (const char* name : {"ping", "version", "prompt", "stat", "stats", "quit", "exit"}) {
    CHECK(server.handle(name, nothing).error() == std::errc::file_exists);
  }
  CHECK(server.handle("mine", nothing));
  CHECK(server.handle("mine", nothing).error() == std::errc::file_exists);
}

TEST_CASE("limits of nothing are refused, and the listener stays the caller's") {
  auto at = listener<stream>::bind(fresh_name(), control_server::listening_options()).value();
  control_options options;
  options.limits.line = 0;
  CHECK(control_server::make(std::move(at), options).error() == std::errc::invalid_argument);
  options = {};
  options.limits.descriptors_per_line = 254;
  CHECK(control_server::make(std::move(at), options).error() == std::errc::invalid_argument);
  CHECK(at.local_address());
  CHECK(control_server::make(std::move(at), {}));
}

TEST_CASE("what is readable is told on the server's thread until it is forgotten") {
  auto one = event::make().value();
  std::optional<control_watch> which;
  served here{for_this_user(), [&](control_server& server) {
                which = server.when_readable(one.fd(), [&] { (void)one.take(dont_wait); }).value();
                REQUIRE(server.handle("forget", [&](control_request&) {
                  server.forget(*which);
                  return spoken("forgotten");
                }));
              }};
  auto client = here.client();
  for (int i = 0; i != 3; ++i) {
    REQUIRE(one.signal());
    for (const auto until = patience(); one.fd() && std::chrono::steady_clock::now() < until;) {
      pollfd look{one.fd().native_handle(), POLLIN, 0};
      if (::poll(&look, 1, 1) == 0) break;
    }
    pollfd look{one.fd().native_handle(), POLLIN, 0};
    CHECK(::poll(&look, 1, 0) == 0);
  }
  CHECK(client.ask("forget") == "forgotten");
  REQUIRE(one.signal());
  CHECK(client.ask("ping") == "PONG");
  CHECK(one.take(dont_wait));
}

TEST_CASE("a server that was stopped can be run again, and whoever waits stays in the listener") {
  served here;
  auto first = here.client();
  CHECK(first.ask("ping") == "PONG");
  CHECK(here.stop());
  CHECK(first.hear() == "(end)");
  auto waiting = here.client();
  REQUIRE(waiting.say("ping\n"));
  here.start();
  CHECK(waiting.hear() == "PONG");
  CHECK(here.stop());
  CHECK(here.server().listening().local_address() == here.at());
}

TEST_CASE("a stop from a handler lets the answer out") {
  control_server* inside = nullptr;
  served here{for_this_user(), [&](control_server& server) {
                inside = &server;
                REQUIRE(server.handle("stop", [&](control_request&) {
                  inside->stop();
                  return spoken(std::string(100'000, 'x'));
                }));
              }};
  inside = &here.server();
  auto client = here.client();
  CHECK(client.ask("stop") == std::string(100'000, 'x'));
  CHECK(client.hear() == "(end)");
  CHECK(here.stop());
}

TEST_CASE("a server does not begin to serve when it cannot be confined") {
  control_options options = for_this_user();
  options.before_serving = []() -> result<void> { return std::unexpected{make_error_code(errc::unsupported)}; };
  served here{options};
  CHECK(here.stop().error() == errc::unsupported);
}
