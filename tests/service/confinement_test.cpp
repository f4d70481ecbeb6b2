// A control server that has given everything up but what it serves with.
#include "process/confined.hpp"
#include "service/served.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/same_file.hpp"
#include "support/sanitized.hpp"
#include "support/skip.hpp"

#include <scm/process/confine.hpp>
#include <scm/service/control_confinement.hpp>

#include <cstring>
#include <string>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

// The same, and what sanitizers call for themselves.
allowed_calls with_sanitizers(allowed_calls allowed) {
#if SCM_SANITIZED
  for (const char* name : {"gettid", "rt_sigaction", "rt_sigprocmask", "sched_yield", "sigaltstack"}) {
    allowed.calls.emplace_back(name);
  }
#endif
  return allowed;
}

}  // namespace

TEST_CASE("a confined server does all that a server does, and opens nothing", "[no-valgrind]") {
  const address at = fresh_name();
  auto door = listener<stream>::bind(at, control_server::listening_options()).value();
  lone_child confined{[&] {
    control_options options = for_this_user();
    options.limits.unauthenticated_for = 50ms;
    options.grace = 50ms;
    options.before_serving = []() -> result<void> {
      if (const auto done = confine({}); !done) return std::unexpected{done.error().code};
      if (const auto done = allow_only(with_sanitizers(control_server_calls())); !done)
        return std::unexpected{done.error().code};
      return {};
    };
    auto made = control_server::make(std::move(door), options);
    if (!made) return false;
    control_server& server = *made;
    const auto handle = [&](const char* name, control_handler handler) {
      return server.handle(name, std::move(handler)).has_value();
    };
    return handle("open",
                  [](control_request& asked) {
                    const int number = ::open(std::string{asked.words[1]}.c_str(), O_RDONLY | O_CLOEXEC);
                    control_answer answer;
                    answer.text = number < 0 ? std::strerror(errno) : "opened";
                    return answer;
                  }) &&
           handle("back",
                  [](control_request& asked) {
                    auto list = std::make_shared<descriptor_list>();
                    (void)list->adopt(asked.descriptors.take(0));
                    control_answer answer;
                    answer.text = "back";
                    answer.descriptors = std::move(list);
                    return answer;
                  }) &&
           handle("bytes",
                  [](control_request&) {
                    control_answer answer;
                    answer.text.assign(220'000, 'x');
                    return answer;
                  }) &&
           handle("stop",
                  [&](control_request&) {
                    server.stop();
                    return control_answer{};
                  }) &&
           server.run();
  }};
  control_client client{at};
  const std::string first = client.ask("ping");
  if (first != "PONG") SCM_SKIP("this kernel confines nobody: " + first);
  CHECK(client.ask("open /etc/passwd") == "Operation not permitted");
  CHECK(client.ask("no-such").starts_with(R"({"err":38,)"));
  CHECK_FALSE(client.ask("stats").empty());
  CHECK(client.hear_bytes(1) != "(");
  const owned_fd file = scratch_file();
  {
    control_client other{at};
    CHECK(other.ask("back", {file}) == "back");
    REQUIRE(other.descriptors().size() == 1);
    CHECK(same_open_file(other.descriptors()[0], file));
    CHECK(other.ask("bytes").size() == 220'000);
  }
  CHECK(control_client{at}.hear() == "(end)");  // who says nothing
  CHECK(control_client{at}.ask("stop").empty());
  CHECK(confined.succeeded());
}
