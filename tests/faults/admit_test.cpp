// Admission while calls fail, and while whoever shares the object changes it in between.
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/kinds.hpp"

#include <scm/inspect.hpp>

#include <sys/mman.h>

#include <string_view>
#include <vector>

using namespace scm;
using namespace scm::test;
using sys::call;

namespace {

owned_fd memory() {
  owned_fd one = made(::memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(one.native_handle(), 4096) == 0);
  return one;
}

constexpr std::string_view agreements[]{
    "",
    "any",
    "any,access=rw,flags!=append",
    "memfd/regular_file,seals=shrink,size>=1",
    "any,size>=0",
    "character_device,device=1:3",
    "socket,family=unix,type=stream,listening=no",
    "any,below=/",
};

}  // namespace

TEST_CASE("whichever call fails, nothing is admitted that would not be, and the error is the kernel's",
          "[faults][no-valgrind]") {
  const std::vector<example> all = one_of_each_kind();
  std::size_t failed = 0;
  for (const std::string_view rules : agreements) {
    const expectation agreed = parse_expectation(rules).value();
    for (const example& one : all) {
      const bool admitted = admit(one.fd, agreed).has_value();
      for (int number = 0; number < sys::calls; ++number) {
        for (int nth = 1, made = nth; made >= nth; ++nth) {
          INFO(rules << ": " << one.kind << ", call " << number << ", time " << nth);
          const failing fault{static_cast<call>(number), EIO, nth, nth};
          const auto answer = admit(one.fd, agreed);
          made = fault.calls();
          failed += made >= nth;
          // What a kind is named by may be what fails: then it is another, and not one that was not agreed before.
          if (answer && made >= nth && !agreed.kinds.empty()) CHECK(admitted);
          if (!answer && answer.error().what == mismatch::not_examined) CHECK(answer.error() == std::errc::io_error);
          if (!answer && answer.error().what != mismatch::not_examined) CHECK(answer.error() == errc::not_admitted);
          REQUIRE(nth < 20);
        }
      }
    }
  }
  CHECK(failed > 400);
}

TEST_CASE("the size is looked at after the seals that keep it", "[faults]") {
  const owned_fd shared = memory();
  // Between the two looks the other holder makes it smaller, and then seals it, as late as that goes.
  int looks = 0;
  const faults other{[&](call which, void*, long&) {
    if (which == call::statx && ++looks == 1) return false;
    if (which == call::fcntl && looks == 1) {
      REQUIRE(::ftruncate(shared.native_handle(), 16) == 0);
      REQUIRE(::fcntl(shared.native_handle(), F_ADD_SEALS, F_SEAL_SHRINK) == 0);
      ++looks;
    }
    return false;
  }};
  const auto refused = admit(shared, {.seals = seal_set{} | seal::shrink, .size = size_range{.least = 4096}});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == mismatch::size_below);
  CHECK(refused.error().found == 16);
}

TEST_CASE("a socket whose options cannot be read is not admitted by them", "[faults]") {
  const owned_fd end = made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const failing fault{call::getsockopt, EACCES};
  CHECK(admit(end, {.kinds = descriptor_kind::socket}));
  for (const std::string_view rules : {"family=unix", "type=stream", "listening=no"}) {
    const auto refused = admit(end, parse_expectation(rules).value());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().what == mismatch::not_examined);
    CHECK(refused.error() == std::errc::permission_denied);
  }
}

TEST_CASE("without /proc no place matches", "[faults]") {
  const owned_fd file = scratch_file();
  const failing fault{call::statfs, ENOENT};
  CHECK(admit(file, {.below = "/"}).error().what == mismatch::place);
}
