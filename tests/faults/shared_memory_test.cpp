// Shared memory on kernels that lack something, and beside whoever changes it in between.
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"

#include <scm/process/shared_memory.hpp>

#include <sys/mman.h>

using namespace scm;
using namespace scm::test;
using sys::call;

TEST_CASE("before Linux 6.3 memory is made without the seal against execution, and with all others", "[faults]") {
  const failing old{call::memfd_create, EINVAL, 1, 1};
  const auto memory = shared_memory::make("memory", 10).value();
  CHECK(old.calls() == 2);
  const seal_set seals = described(memory.fd()).seals.value();
  CHECK(seals == (seal_set{} | seal::sealing | seal::shrink | seal::grow));
}

TEST_CASE("seals that are accepted and not set are unsupported", "[faults]") {
  const faults deaf{[](call which, void* argument, long& result) {
    if (which != call::fcntl || *static_cast<int*>(argument) != F_ADD_SEALS) return false;
    result = 0;
    return true;
  }};
  CHECK(shared_memory::make("memory", 10).error() == errc::unsupported);
}

TEST_CASE("memory that grows beyond the most after its seal was looked at is refused", "[faults]") {
  owned_fd theirs = made(::memfd_create("theirs", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(theirs.native_handle(), 4096) == 0);
  REQUIRE(::fcntl(theirs.native_handle(), F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  int looks = 0;
  const faults other{[&](call which, void*, long&) {
    if (which == call::statx && ++looks == 2) REQUIRE(::ftruncate(theirs.native_handle(), 8192) == 0);
    return false;
  }};
  const auto refused = shared_memory::map(std::move(theirs), {.most = 4096});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().what == mismatch::size_above);
  CHECK(refused.error().found == 8192);
}
