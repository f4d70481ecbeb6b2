// Descriptors on a system whose calls fail: nothing is closed twice, and errno stays what the caller has seen.
#include "core/sys.hpp"
#include "support/catch.hpp"
#include "support/witness.hpp"

#include <scm/core/descriptor_list.hpp>
#include <scm/core/fd.hpp>

#include <cerrno>

using scm::owned_fd;
using scm::test::witness;

namespace {

int closes = 0;

bool close_fails(scm::sys::call which, void*, long& result) noexcept {
  if (which != scm::sys::call::close) return false;
  ++closes;
  errno = EIO;
  result = -1;
  return true;
}
bool fcntl_fails(scm::sys::call which, void*, long& result) noexcept {
  if (which != scm::sys::call::fcntl) return false;
  errno = ENOLCK;
  result = -1;
  return true;
}

// The hook is the whole process's: no other test may find it.
class hooked {
 public:
  explicit hooked(scm::sys::fault_hook hook) noexcept {
    closes = 0;
    scm::sys::set_fault_hook(hook);
  }
  hooked(const hooked&) = delete;
  ~hooked() { scm::sys::set_fault_hook(nullptr); }
};

}  // namespace

TEST_CASE("a close that fails is not repeated and does not touch errno") {
  witness file;
  int kept = 0;
  {
    const hooked faults{close_fails};
    errno = ENOTTY;
    {
      owned_fd owner = file.give();
      owner.reset();
      owner.reset();
    }
    kept = errno;
  }
  CHECK(kept == ENOTTY);
  CHECK(closes == 1);
  CHECK(file.closed());
}

TEST_CASE("a list closes each of its descriptors once when closing fails") {
  witness first, second;
  {
    const hooked faults{close_fails};
    scm::descriptor_list list;
    REQUIRE(list.adopt(first.give()));
    REQUIRE(list.adopt(-13));
    REQUIRE(list.adopt(second.give()));
  }
  CHECK(closes == 2);
  CHECK(first.closed());
  CHECK(second.closed());
}

TEST_CASE("a duplicate that the system refuses is its error and no descriptor") {
  witness file;
  const owned_fd owner = file.give();
  const auto copy = [&] {
    const hooked faults{fcntl_fails};
    return scm::duplicate(owner);
  }();
  REQUIRE_FALSE(copy.has_value());
  CHECK(copy.error() == std::errc::no_lock_available);
  CHECK_FALSE(file.closed());
}
