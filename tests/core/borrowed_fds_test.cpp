// The descriptors of one send as one argument, in every spelling that a caller may use.
#include "support/catch.hpp"

#include <scm/core/borrowed_fds.hpp>
#include <scm/core/descriptor_list.hpp>

#include <array>
#include <span>
#include <vector>

using scm::borrowed_fd;
using scm::borrowed_fds;

namespace {

std::vector<int> numbers(borrowed_fds fds) {
  std::vector<int> seen;
  for (const borrowed_fd fd : fds.span()) seen.push_back(fd.native_handle());
  CHECK(fds.size() == seen.size());
  CHECK(fds.empty() == seen.empty());
  return seen;
}

using list = std::vector<int>;

static_assert(!std::is_constructible_v<borrowed_fds, int>, "a bare number is no descriptor");

}  // namespace

TEST_CASE("descriptors to send are none or one or a list in order") {
  const borrowed_fd a{7}, b{5};
  CHECK(numbers({}) == list{});
  CHECK(numbers(a) == list{7});
  CHECK(numbers({a}) == list{7});
  CHECK(numbers({a, b, a}) == list{7, 5, 7});
}

TEST_CASE("descriptors to send are taken from any span array vector or list") {
  const std::array array{borrowed_fd{1}, borrowed_fd{2}};
  std::vector vector{borrowed_fd{3}, borrowed_fd{4}, borrowed_fd{5}};
  CHECK(numbers(array) == list{1, 2});
  CHECK(numbers(vector) == list{3, 4, 5});
  CHECK(numbers(std::span{vector}.last(1)) == list{5});
  CHECK(numbers(std::span<const borrowed_fd>{}) == list{});

  scm::descriptor_list refused;
  REQUIRE(refused.adopt(-13));
  CHECK(numbers(refused) == list{-13});
}

TEST_CASE("owned descriptors are lent from a braced list") {
  scm::owned_fd file{900}, event{901};  // numbers only: nothing is done with them
  CHECK(numbers({file, event}) == list{900, 901});
  CHECK(file.release() == 900);
  CHECK(event.release() == 901);
}
