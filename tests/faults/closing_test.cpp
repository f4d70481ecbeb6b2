// Closing the descriptors of a list in runs.
#include "support/catch.hpp"
#include "support/faults.hpp"

#include <scm/core/descriptor_list.hpp>

#include <fcntl.h>

#include <vector>

using namespace scm;
using test::failing;

namespace {

constexpr int somewhere = 700;  // where nothing else is open

// Descriptors at somewhere + 0, 1, 2, 4, 6, 7 in this order, but for those that are taken again.
descriptor_list with_gaps() {
  const owned_fd file{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  descriptor_list list;
  for (const int place : {0, 1, 2, 4, 6, 7}) {
    REQUIRE(::fcntl(somewhere + place, F_GETFD) < 0);
    REQUIRE(::fcntl(file.native_handle(), F_DUPFD_CLOEXEC, somewhere + place) == somewhere + place);
    REQUIRE(list.adopt(somewhere + place));
  }
  return list;
}

bool nothing_is_left() {
  for (int place = 0; place != 8; ++place) {
    if (::fcntl(somewhere + place, F_GETFD) >= 0) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("descriptors with consecutive numbers are closed by one call, and nobody else's with them", "[faults]") {
  descriptor_list list = with_gaps();
  const owned_fd stranger{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, somewhere + 3)};
  REQUIRE(stranger.native_handle() == somewhere + 3);
  std::vector<sys::call> made;
  {
    const test::faults count{[&](sys::call which, void*, long&) {
      made.push_back(which);
      return false;
    }};
    list.clear();
  }
  CHECK(made == std::vector{sys::call::close_range, sys::call::close, sys::call::close_range});
  CHECK(::fcntl(stranger.native_handle(), F_GETFD) >= 0);
}

TEST_CASE("where close_range is refused, descriptors are closed one by one, and errno is left alone", "[faults]") {
  descriptor_list list = with_gaps();
  errno = EXDEV;
  {
    const failing refused{sys::call::close_range, ENOSYS};
    list.clear();
    CHECK(refused.calls() == 2);
  }
  CHECK(errno == EXDEV);
  CHECK(nothing_is_left());
}

TEST_CASE("a taken slot parts a run, and is not closed with it", "[faults]") {
  descriptor_list list = with_gaps();
  const owned_fd mine = list.take(1);
  list.clear();
  CHECK(::fcntl(mine.native_handle(), F_GETFD) >= 0);
  CHECK(::fcntl(somewhere, F_GETFD) < 0);
  CHECK(::fcntl(somewhere + 2, F_GETFD) < 0);
}
