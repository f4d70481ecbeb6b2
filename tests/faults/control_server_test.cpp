// A control server of which each system call fails: it loses a connection, at the most, and serves the next one.
#include "service/served.hpp"
#include "support/catch.hpp"
#include "support/descriptor_table.hpp"
#include "support/every_call.hpp"
#include "support/faults.hpp"
#include "support/kinds.hpp"

#include <atomic>
#include <string>
#include <thread>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

// A client's visit: what it hears is for it alone to judge, since it may be what failed.
void visit(const address& at, borrowed_fd file, std::chrono::milliseconds patient) {
  auto made = stream::connect(at, patience());
  if (!made) return;
  control_client client{std::move(*made), patient};
  if (client.ask("ping") != "PONG" || client.ask("keep", {file}) != "kept") return;
  if (client.ask("lend") != "lent" || client.ask("stat").empty()) return;
  (void)client.ask("take");
}

struct session {
  int calls = 0;         // that the server's thread made
  result<void> ended{};  // `make` or `run`
  bool serves = false;   // a client after all that
};

// Serves a visit, with calls from the `first` to the `last` failing; then, without any failing, somebody else.
session served_while_failing(int first, int last, int number, std::optional<sys::call> only = {}) {
  const address at = fresh_name();
  auto door = listener<stream>::bind(at, control_server::listening_options()).value();
  const owned_fd file = scratch_file();
  const bool lasting = last > first;
  session seen;
  std::atomic<bool> disturbed{true};
  const std::thread::id here = std::this_thread::get_id();
  const faults installed{[&](sys::call which, void*, long& result) {
    if (!disturbed || std::this_thread::get_id() != here || (only && which != *only)) return false;
    const int now = ++seen.calls;
    if (now < first || now > last) return false;
    result = -1;
    errno = number;
    return true;
  }};
  auto server = control_server::make(std::move(door), for_this_user());
  if (!server) {
    seen.ended = std::unexpected{server.error()};
    return seen;
  }
  REQUIRE(server->handle("keep", [](control_request& asked) {
    const owned_fd kept = asked.descriptors.take(0);
    control_answer answer;
    answer.text = kept ? "kept" : "none";
    return answer;
  }));
  REQUIRE(server->handle("lend", [&](control_request&) {
    auto list = std::make_shared<descriptor_list>();
    if (auto copy = duplicate(file)) (void)list->adopt(std::move(*copy));
    control_answer answer;
    answer.text = "lent";
    answer.descriptors = std::move(list);
    return answer;
  }));
  REQUIRE(server->handle("take", [](control_request&) {
    control_answer answer;
    answer.take = [](stream&& whole) { const stream gone = std::move(whole); };
    return answer;
  }));
  std::thread clients{[&] {
    // Where nothing succeeds any more, there is nothing to wait for.
    visit(at, file, lasting ? 60ms : 20'000ms);
    disturbed = false;
    if (auto after = stream::connect(at, patience())) {
      seen.serves = control_client{std::move(*after), lasting ? 60ms : 20'000ms}.ask("ping") == "PONG";
    }
    server->stop();
  }};
  seen.ended = server->run();
  clients.join();
  return seen;
}

}  // namespace

TEST_CASE("whichever system call of a control server fails, the next client is served, and nothing leaks",
          "[faults][no-valgrind]") {
  const session clean = served_while_failing(0, 0, 0);
  REQUIRE(clean.ended);
  REQUIRE(clean.serves);
  REQUIRE(clean.calls > 30);
  int tried = 0;
  for (int call = 0; call != sys::calls; ++call) {
    const auto which = static_cast<sys::call>(call);
    const int made = served_while_failing(0, 0, 0, which).calls;
    for (int nth = 1; nth <= made; ++nth) {
      for (const int number : plausible(which)) {
        INFO(call_names[static_cast<std::size_t>(call)] << " number " << nth << " fails with "
                                                        << std::strerror(number));
        const auto before = descriptor_table::now();
        const session one = served_while_failing(nth, nth, number, which);
        if (one.ended) CHECK(one.serves);
        if (const auto after = descriptor_table::now(); after != before) FAIL_CHECK(difference(before, after));
        ++tried;
      }
    }
  }
  CHECK(tried > 300);
}

TEST_CASE("a control server for which nothing succeeds any more can be stopped, and leaks nothing",
          "[faults][no-valgrind]") {
  const int calls = served_while_failing(0, 0, 0).calls;
  for (int first = 1; first <= calls; ++first) {
    for (const int number : {EIO, EMFILE}) {
      INFO("from call " << first << " on all fail with " << std::strerror(number));
      const auto before = descriptor_table::now();
      (void)served_while_failing(first, 1 << 30, number);
      if (const auto after = descriptor_table::now(); after != before) FAIL_CHECK(difference(before, after));
    }
  }
}

TEST_CASE("bytes that come without credentials are refused", "[faults]") {
  const address at = fresh_name();
  auto door = listener<stream>::bind(at).value();
  auto server = control_server::make(std::move(door), for_this_user()).value();
  // A kernel that takes the option, and attaches nothing.
  const faults silent{[](sys::call which, void* argument, long& result) {
    if (which != sys::call::setsockopt) return false;
    const int option = *static_cast<int*>(argument);
    if (option != SO_PASSCRED && option != 76) return false;
    result = 0;
    return true;
  }};
  std::thread runs{[&] { (void)server.run(); }};
  {
    control_client client{at};
    CHECK(client.ask("ping") == R"({"err":13,"msg":"AUTH"})");
    CHECK(client.hear() == "(end)");
  }
  server.stop();
  runs.join();
}
