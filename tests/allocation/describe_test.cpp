// Describing without memory: names need some, nothing else does.
#include "inspect/made.hpp"
#include "support/allocation_failure.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"

using namespace scm;
using namespace scm::test;

TEST_CASE("a path that finds no memory is not_enough_memory, and nothing stays open") {
  const owned_fd file = scratch_file();  // its path is longer than a string holds by itself
  const auto what = [&] {
    const allocation_failure none;
    return describe(file);
  }();
  CHECK(what.error() == std::errc::not_enough_memory);
}

TEST_CASE("a descriptor with a short name or none is described without allocating") {
  const owned_fd end = made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const owned_fd counter = made(::eventfd(1, EFD_CLOEXEC));
  const allocation_failure none;
  const bool both = describe(end).has_value() && describe(counter).has_value();
  CHECK(both);
}

TEST_CASE("safe text that finds no memory is not_enough_memory") {
  const std::string text(100, 'x');
  const auto safe = [&] {
    const allocation_failure none;
    return safe_text(text);
  }();
  CHECK(safe.error() == std::errc::not_enough_memory);
}
