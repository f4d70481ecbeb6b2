// Who may speak to a control server: each message's own sender, by the kernel's word, and nobody else.
#include "service/served.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

#include <sched.h>

#include <fstream>
#include <functional>
#include <string>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

constexpr uid_t listed = 1'000'000'001;
constexpr uid_t other = 1'000'000'002;
const std::string auth = R"({"err":13,"msg":"AUTH"})";

bool become(uid_t uid, gid_t gid, std::vector<gid_t> groups = {}) {
  return ::setgroups(groups.size(), groups.data()) == 0 && ::setresgid(gid, gid, gid) == 0 &&
         ::setresuid(uid, uid, uid) == 0 && ::prctl(PR_SET_DUMPABLE, 1) == 0;  // else /proc/self is root's
}

// Whether other users can be had here.
bool users_are_mapped() {
  return ::geteuid() == 0 && child{[] { return become(listed, listed); }}.succeeded();
}

control_options letting_in(std::vector<uid_t> uids, std::vector<gid_t> gids = {}) {
  control_options options;
  options.access.uids = std::move(uids);
  options.access.gids = std::move(gids);
  return options;
}

// What somebody else hears who says this, until the end.
std::string heard_by(const std::function<bool()>& becoming, const address& at, std::string_view said) {
  auto [here, there] = stream::pair().value();
  child client{[&] {
    if (!becoming()) return false;
    control_client one{at};
    if (!one.say(said) || !one.socket().shutdown_send()) return false;
    return there.send_all("heard:" + one.hear_all()).has_value();
  }};
  (void)std::move(there).release();
  const std::string all = control_client{std::move(here)}.hear_all();
  return client.succeeded() && all.starts_with("heard:") ? all.substr(6) : "(failed)";
}
std::string heard_by(uid_t uid, gid_t gid, const address& at, std::string_view said = "ping\n") {
  return heard_by([=] { return become(uid, gid); }, at, said);
}

// A field of /proc/self/fdinfo/N.
std::string fdinfo(borrowed_fd fd, const std::string& field) {
  std::ifstream lines{"/proc/self/fdinfo/" + std::to_string(fd.native_handle())};
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field)) return line.substr(line.find_last_of(" \t") + 1);
  }
  return {};
}

}  // namespace

#define NEEDS_USERS() \
  if (!users_are_mapped()) SCM_SKIP("this needs root, and users that are mapped")

TEST_CASE("root is let in without being listed") {
  if (::geteuid() != 0) SCM_SKIP("this needs root");
  served here{letting_in({listed})};
  CHECK(here.client().ask("ping") == "PONG");
  served nobody{letting_in({})};
  CHECK(nobody.client().ask("ping") == "PONG");
}

TEST_CASE("uid 0 with another gid is not root") {
  NEEDS_USERS();
  served here{letting_in({listed})};
  CHECK(heard_by(0, listed, here.at()) == auth + '\n');
}

TEST_CASE("gid 0 with another uid is not root") {
  NEEDS_USERS();
  served here{letting_in({listed})};
  CHECK(heard_by(other, 0, here.at()) == auth + '\n');
}

TEST_CASE("a listed uid is let in, whatever its gid") {
  NEEDS_USERS();
  served here{letting_in({other, listed})};
  CHECK(heard_by(listed, other, here.at()) == "PONG\n");
}

TEST_CASE("an unlisted uid is refused, and not served") {
  NEEDS_USERS();
  int called = 0;
  served here{letting_in({listed}), [&](control_server& server) {
                REQUIRE(server.handle("touch", [&](control_request&) {
                  ++called;
                  return control_answer{};
                }));
              }};
  CHECK(heard_by(other, other, here.at(), "touch\nping\nping\n") == auth + '\n');
  CHECK(here.figure("not_authentic") == 1);
  CHECK(here.stop());
  CHECK(called == 0);
}

TEST_CASE("a listed gid is let in, whatever its uid") {
  NEEDS_USERS();
  served here{letting_in({}, {listed})};
  CHECK(heard_by(other, listed, here.at()) == "PONG\n");
  CHECK(heard_by(listed, other, here.at()) == auth + '\n');
}

TEST_CASE("where uids and gids are listed, both must match") {
  NEEDS_USERS();
  served here{letting_in({listed}, {listed})};
  CHECK(heard_by(listed, listed, here.at()) == "PONG\n");
  CHECK(heard_by(listed, other, here.at()) == auth + '\n');
  CHECK(heard_by(other, listed, here.at()) == auth + '\n');
}

TEST_CASE("where nobody is listed, nobody but root is let in") {
  NEEDS_USERS();
  served here{letting_in({})};
  CHECK(heard_by(listed, listed, here.at()) == auth + '\n');
  CHECK(heard_by(other, 0, here.at()) == auth + '\n');
}

TEST_CASE("a supplementary group does not count") {
  NEEDS_USERS();
  served here{letting_in({}, {listed})};
  CHECK(heard_by([] { return become(other, other, {listed}); }, here.at(), "ping\n") == auth + '\n');
}

TEST_CASE("one byte of a stranger's is enough to be refused") {
  NEEDS_USERS();
  served here{letting_in({listed})};
  CHECK(heard_by(other, other, here.at(), "p") == auth + '\n');
}

TEST_CASE("a stranger who says nothing is not answered, and the zeros at the end are not root") {
  NEEDS_USERS();
  served here{letting_in({listed})};
  CHECK(heard_by(other, other, here.at(), "").empty());
  CHECK(here.figure("not_authentic") == 0);
}

TEST_CASE("forged credentials do not leave an unprivileged client, which is refused as what it is") {
  NEEDS_USERS();
  served here{letting_in({listed})};
  child liar{[&] {
    if (!become(other, other)) return false;
    control_client client{here.at()};
    for (const credentials& lie :
         {credentials{::getpid(), listed, other}, credentials{::getpid(), 0, 0}, credentials{1, other, other}}) {
      if (client.socket().send("ping\n", {}, {.as = lie}).error() != std::errc::operation_not_permitted) return false;
    }
    return client.ask("ping") == auth;
  }};
  CHECK(liar.succeeded());
}

TEST_CASE("a client may claim what it is") {
  served here;
  auto client = here.client();
  REQUIRE(client.socket().send("ping\n", {}, {.as = credentials::own()}));
  CHECK(client.hear() == "PONG");
}

TEST_CASE("whom a privileged client speaks for decides, not the client") {
  NEEDS_USERS();
  served here{letting_in({listed})};
  auto client = here.client();
  REQUIRE(client.socket().send("ping\n", {}, {.as = credentials{::getpid(), listed, other}}));
  CHECK(client.hear() == "PONG");
  REQUIRE(client.socket().send("ping\n", {}, {.as = credentials{::getpid(), other, other}}));
  CHECK(client.hear() == auth);
  CHECK(client.hear() == "(end)");
}

TEST_CASE("a line of two users is refused, though both are let in") {
  NEEDS_USERS();
  served here{letting_in({listed, other})};
  auto client = here.client();
  REQUIRE(client.socket().send("pi", {}, {.as = credentials{::getpid(), listed, listed}}));
  REQUIRE(client.socket().send("ng\n", {}, {.as = credentials{::getpid(), other, listed}}));
  CHECK(client.hear() == auth);
  CHECK_FALSE(client.hear().starts_with("PONG"));
}

TEST_CASE("a line of two groups is refused, though both are let in") {
  NEEDS_USERS();
  served here{letting_in({listed})};
  auto client = here.client();
  REQUIRE(client.socket().send("pi", {}, {.as = credentials{::getpid(), listed, listed}}));
  REQUIRE(client.socket().send("ng\n", {}, {.as = credentials{::getpid(), listed, other}}));
  CHECK(client.hear() == auth);
}

TEST_CASE("a line of two processes is refused, though one user's") {
  served here;
  auto client = here.client();
  REQUIRE(client.say("ping\npi"));
  CHECK(client.hear() == "PONG");
  child second{[&] { return client.say("ng\n"); }};
  CHECK(second.succeeded());
  CHECK(client.hear() == auth);
  CHECK(client.hear() == "(end)");
}

TEST_CASE("lines of several processes on one connection are each their sender's") {
  std::vector<pid_t> callers;
  served here{for_this_user(), [&](control_server& server) {
                REQUIRE(server.handle("note", [&](control_request& asked) {
                  callers.push_back(asked.caller.pid);
                  return control_answer{};
                }));
              }};
  auto client = here.client();
  REQUIRE(client.say("note\n"));
  child second{[&] { return client.say("note\n"); }};
  const pid_t its = second.pid();
  CHECK(second.succeeded());
  REQUIRE(client.say("note\n"));
  for (int i = 0; i != 3; ++i) CHECK(client.hear().empty());
  CHECK(here.stop());
  CHECK(callers == std::vector<pid_t>{::getpid(), its, ::getpid()});
}

TEST_CASE("a socket that was handed to a stranger does not let the stranger in") {
  NEEDS_USERS();
  served here{letting_in({listed})};
  auto client = here.client();
  CHECK(client.ask("ping") == "PONG");
  child stranger{[&] { return become(other, other) && client.say("ping\n"); }};
  CHECK(stranger.succeeded());
  CHECK(client.hear() == auth);
  CHECK(client.hear() == "(end)");
}

TEST_CASE("a socket that a stranger made lets in whoever may speak") {
  NEEDS_USERS();
  served here{letting_in({listed})};
  auto [mine, theirs] = seqpacket::pair().value();
  child stranger{[&, &out = theirs] {
    if (!become(other, other)) return false;
    auto made = stream::connect(here.at(), patience());
    return made && out.send("x", {made->fd()}).has_value();
  }};
  CHECK(stranger.succeeded());
  std::array<char, 8> room;
  auto got = mine.receive(room, 1, {.until = patience()});
  REQUIRE(got);
  control_client client{stream::adopt(got->descriptors.take(0)).value()};
  CHECK(client.ask("ping") == "PONG");
}

TEST_CASE("what a process said before it ended counts, and its pidfd says that it ended") {
  std::string state;
  bool told = false;
  served here{for_this_user(), [&](control_server& server) {
                REQUIRE(server.handle("last", [&](control_request& asked) {
                  told = static_cast<bool>(asked.caller_pidfd);
                  if (told) state = fdinfo(asked.caller_pidfd, "Pid:");
                  return control_answer{};
                }));
              }};
  CHECK(here.stop());
  child dying{[&] {
    control_client client{here.at()};
    return client.say("last\n");
  }};
  CHECK(dying.succeeded());
  here.start();
  const auto until = patience();
  while (here.figure("lines") < 2 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(1ms);
  CHECK(here.stop());
  if (!told) SCM_SKIP("this kernel has no SO_PASSPIDFD");
  CHECK(state == "-1");
}

TEST_CASE("a handler is given a pidfd of the caller, and not of who connected") {
  served here{for_this_user(), [](control_server& server) {
                REQUIRE(server.handle("me", [](control_request& asked) -> control_answer {
                  return {.text = asked.caller_pidfd ? fdinfo(asked.caller_pidfd, "Pid:") : ""};
                }));
              }};
  auto client = here.client();
  const std::string pid = client.ask("me");
  if (pid.empty()) SCM_SKIP("this kernel has no SO_PASSPIDFD");
  CHECK(pid == std::to_string(::getpid()));
  child second{[&] { return client.ask("me") == std::to_string(::getpid()); }};
  CHECK(second.succeeded());
}

TEST_CASE("a peer in a pid namespace below is let in, by the number it has here", "[no-valgrind]") {
  if (::geteuid() != 0) SCM_SKIP("this needs root");
  pid_t caller = 0;
  served here{for_this_user(), [&](control_server& server) {
                REQUIRE(server.handle("me", [&](control_request& asked) {
                  caller = asked.caller.pid;
                  return control_answer{};
                }));
              }};
  child below{[&] {
    if (::unshare(CLONE_NEWPID) != 0) return false;
    child first{[&] { return ::getpid() == 1 && control_client{here.at()}.ask("me").empty(); }};
    return first.succeeded();
  }};
  CHECK(below.succeeded());
  CHECK(here.stop());
  CHECK(caller > 1);
}

TEST_CASE("a peer outside of the server's pid namespace is refused, root or not: it has no number there",
          "[no-valgrind]") {
  if (::geteuid() != 0) SCM_SKIP("this needs root");
  const address at = fresh_name();
  auto door = listener<stream>::bind(at, control_server::listening_options()).value();
  child above{[&] {
    if (::unshare(CLONE_NEWPID) != 0) return false;
    child first{[&] {
      auto server = control_server::make(std::move(door), letting_in({0}));
      return server && server->run().has_value();
    }};
    return first.succeeded();
  }};
  control_client client{at};
  CHECK(client.ask("ping") == auth);
  CHECK(client.hear() == "(end)");
  above.kill();
}

TEST_CASE("root of a user namespace is nobody but its user outside", "[no-valgrind]") {
  NEEDS_USERS();
  const auto as_root_below = [] {
    if (!become(other, other) || ::unshare(CLONE_NEWUSER) != 0) return false;
    std::ofstream{"/proc/self/setgroups"} << "deny";
    std::ofstream{"/proc/self/uid_map"} << "0 " << other << " 1";
    std::ofstream{"/proc/self/gid_map"} << "0 " << other << " 1";
    return ::getuid() == 0 && ::getgid() == 0;
  };
  if (!child{as_root_below}.succeeded()) SCM_SKIP("user namespaces are not to be had here");
  served here{letting_in({listed})};
  CHECK(heard_by(as_root_below, here.at(), "ping\n") == auth + '\n');
  served letting{letting_in({other})};
  CHECK(heard_by(as_root_below, letting.at(), "ping\n") == "PONG\n");
}

TEST_CASE("a user without a mapping in the server's user namespace is the overflow user, who is not listed",
          "[no-valgrind]") {
  NEEDS_USERS();
  const address at = fresh_name();
  auto door = listener<stream>::bind(at, control_server::listening_options()).value();
  auto [ready, tell] = stream::pair().value();
  child below{[&] {
    if (!become(listed, listed) || ::unshare(CLONE_NEWUSER) != 0) return false;
    std::ofstream{"/proc/self/uid_map"} << listed << ' ' << listed << " 1";
    auto server = control_server::make(std::move(door), letting_in({listed}));
    return server && tell.send("x") && server->run().has_value();
  }};
  std::array<char, 1> one;
  (void)std::move(tell).release();
  if (!ready.receive(one, 0, {.until = in(5s)})) SCM_SKIP("user namespaces are not to be had here");
  control_client client{at};  // root outside: here nobody
  CHECK(client.ask("ping") == auth);
  CHECK(heard_by(other, other, at) == auth + '\n');
  CHECK(heard_by(listed, listed, at) == "PONG\n");
  below.kill();
}

TEST_CASE("at an inherited listener without credentials on, what was said before accept is attested all the same") {
  const address at = fresh_name();
  auto door = listener<stream>::bind(at).value();
  control_client early{at};
  REQUIRE(early.say("ping\n"));
  auto server = control_server::make(std::move(door), for_this_user()).value();
  std::thread runs{[&] { (void)server.run(); }};
  CHECK(early.hear() == "PONG");
  CHECK(early.ask("ping") == "PONG");
  CHECK(control_client{at}.ask("ping") == "PONG");
  server.stop();
  runs.join();
}

TEST_CASE("who says no whole line in time is dropped, however much is said") {
  control_options options = for_this_user();
  options.limits.unauthenticated_for = 100ms;
  served here{options};
  auto silent = here.client();
  auto known = here.client();
  CHECK(known.ask("ping") == "PONG");
  auto slow = here.client();
  REQUIRE(slow.say("pin"));
  CHECK(silent.hear() == "(end)");
  CHECK(slow.hear() == "(end)");
  CHECK(here.figure("late") == 2);
  CHECK(known.ask("ping") == "PONG");
}
