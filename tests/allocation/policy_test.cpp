// Memory and policies: deciding takes none, and a text that cannot have any is an error.
#include "support/allocation_failure.hpp"
#include "support/catch.hpp"

#include <scm/service/policy_text.hpp>

#include <sys/mman.h>
#include <sys/socket.h>

#include <string>

using namespace scm;
using namespace scm::test;

namespace {

const std::string rules =
    "policy 1\ndefault deny=EPERM\n"
    "kill any program=/a/path/that/is/longer/than/a/string/holds/by/itself peer=@a/name/that/is/as/long/as/that "
    "fds=any\n"
    "allow any family=unix type=stream/dgram fds=memfd,below=/a/path/that/is/as/long/as/that;memfd\n"
    "allow any fds=memfd,access=rw count<=4\n";

}  // namespace

TEST_CASE("a policy decides without allocating") {
  const policy by = parse_policy(rules).value();
  const owned_fd memory{::memfd_create("memory with a name longer than a string holds", MFD_CLOEXEC)};
  const borrowed_fd lent[] = {memory.get(), memory.get()};
  policy_message message{.program = "/usr/bin/a", .family = AF_UNIX, .type = SOCK_STREAM, .peer = address{}};
  message.descriptors = lent;
  const allocation_failure none;
  const auto decision = decide(by, message);
  CHECK(decision.line == 5);
  CHECK(decision.outcome.what == policy_action::allow);
}

TEST_CASE("a policy or its text that finds no memory is not_enough_memory") {
  const policy by = parse_policy(rules).value();
  std::size_t failures = 0;
  for (std::size_t good = 0;; ++good) {
    const auto parsed = [&] {
      const allocation_failure from{good};
      return parse_policy(rules);
    }();
    if (parsed) break;
    ++failures;
    CHECK(parsed.error().code == std::errc::not_enough_memory);
  }
  for (std::size_t good = 0;; ++good) {
    const auto written = [&] {
      const allocation_failure from{good};
      return text_of(by);
    }();
    if (written) break;
    ++failures;
    CHECK(written.error() == std::errc::not_enough_memory);
  }
  CHECK(failures > 10);
}
