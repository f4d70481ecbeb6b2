// Descriptors on a system whose calls fail: nothing is closed twice, and errno stays what the caller has seen.
#include "core/sys.hpp"
#include "support/catch.hpp"
#include "support/witness.hpp"

#include <scm/core/descriptor_list.hpp>
#include <scm/core/fd.hpp>

#include <cerrno>
#include <cstring>

using scm::owned_fd;
using scm::test::witness;

namespace {

int closes = 0;
int close_errno = 0;

bool close_fails(scm::sys::call which, void*, long& result) noexcept {
  if (which != scm::sys::call::close) return false;
  if (++closes > 10) return false;  // of a loop around close(2), which must be seen and not be endless
  errno = close_errno;
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
  explicit hooked(scm::sys::fault_hook hook, int number = EIO) noexcept {
    closes = 0;
    close_errno = number;
    scm::sys::set_fault_hook(hook);
  }
  hooked(const hooked&) = delete;
  ~hooked() { scm::sys::set_fault_hook(nullptr); }
};

}  // namespace

TEST_CASE("a close that fails is not repeated and does not touch errno") {
  for (const int number : {EIO, EINTR}) {
    witness file;
    int kept = 0;
    {
      const hooked faults{close_fails, number};
      errno = ENOTTY;
      {
        owned_fd owner = file.give();
        owner.reset();
        owner.reset();
      }
      kept = errno;
    }
    INFO(std::strerror(number));
    CHECK(kept == ENOTTY);
    CHECK(closes == 1);
    CHECK(file.closed());
  }
}

TEST_CASE("a list closes each of its descriptors once when closing fails") {
  for (const int number : {EIO, EINTR}) {
    witness first, second;
    {
      const hooked faults{close_fails, number};
      scm::descriptor_list list;
      REQUIRE(list.adopt(first.give()));
      REQUIRE(list.adopt(-13));
      REQUIRE(list.adopt(second.give()));
    }
    INFO(std::strerror(number));
    CHECK(closes == 2);
    CHECK(first.closed());
    CHECK(second.closed());
  }
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
