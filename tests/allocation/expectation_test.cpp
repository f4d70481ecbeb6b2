// Memory and expectations: admitting takes none, and a text that cannot have any is an error.
#include "inspect/made.hpp"
#include "support/allocation_failure.hpp"
#include "support/catch.hpp"

#include <scm/inspect.hpp>

#include <sys/mman.h>

using namespace scm;
using namespace scm::test;

TEST_CASE("a descriptor is held to an expectation without allocating, whatever is said of it") {
  const owned_fd memory = made(::memfd_create("memory with a name longer than a string holds", MFD_CLOEXEC));
  const expectation agreed = parse_expectation("memfd,access=rw,seals=seal,flags!=append,size=0").value();
  const expectation elsewhere{.below = "/a/path/that/is/longer/than/a/string/holds"};
  const allocation_failure none;
  const bool admitted = admit(memory, agreed).has_value();
  const auto refused = admit(memory, elsewhere);
  const bool told = !refused && refused.error().what == mismatch::place && refused.error().text().view().size() > 20;
  CHECK(admitted);
  CHECK(told);
}

TEST_CASE("a rule or a text that finds no memory is not_enough_memory") {
  const std::string text = "below=/a/path/that/is/longer/than/a/string/holds,size=1";
  const expectation agreed = parse_expectation(text).value();
  std::size_t failures = 0;
  for (std::size_t good = 0;; ++good) {
    const auto parsed = [&] {
      const allocation_failure from{good};
      return parse_expectation(text);
    }();
    if (parsed) break;
    ++failures;
    CHECK(parsed.error() == std::errc::not_enough_memory);
  }
  for (std::size_t good = 0;; ++good) {
    const auto written = [&] {
      const allocation_failure from{good};
      return text_of(agreed);
    }();
    if (written) break;
    ++failures;
    CHECK(written.error() == std::errc::not_enough_memory);
  }
  CHECK(failures > 3);
}
