// The models of other walks: each is shown by the bytes that set it apart from the rest.
#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <scm/fuzz/libc_walks.hpp>
#include <scm/fuzz/walk_models.hpp>

#include <vector>

using scm::abi;
using scm::test::both_layouts;
using scm::test::control_bytes;
using scm::test::layout_of;
namespace fuzz = scm::fuzz;
using fuzz::walk_step;

namespace {

constexpr walk_step end{walk_step::kind::end, 0};
constexpr walk_step header(std::size_t offset) { return {walk_step::kind::header, offset}; }
constexpr walk_step fault(std::size_t offset) { return {walk_step::kind::fault, offset}; }
constexpr walk_step stuck(std::size_t offset) { return {walk_step::kind::stuck, offset}; }

// Every step up to the last.
template <class Walk>
std::vector<walk_step> steps(const control_bytes& bytes) {
  Walk walk{bytes, bytes.layout()};
  std::vector<walk_step> all;
  do {
    all.push_back(walk.next());
  } while (all.back().what == walk_step::kind::header && all.size() < 100);
  return all;
}

using walked = std::vector<walk_step>;

}  // namespace

namespace scm::inline v0_1::fuzz {
inline std::ostream& operator<<(std::ostream& out, const walk_step& step) {
  return out << "kind " << static_cast<int>(step.what) << " at " << step.offset;
}
}  // namespace scm::inline v0_1::fuzz

TEST_CASE("steps are the same only if they are of one kind and at one place", "[fuzz]") {
  CHECK(header(8) == header(8));
  CHECK_FALSE(header(8) == header(16));
  CHECK_FALSE(header(8) == fault(8));
}

TEST_CASE("all walks agree on what is well formed", "[fuzz]") {
  for (const abi layout : both_layouts) {
    const auto bytes = control_bytes{layout}.message(1, 2, {7, 8, 9}).pad().message(1, 1, {4, 5}).pad();
    const std::size_t second = layout == abi::lp64 ? 32 : 24;
    const walked expected{header(0), header(second), end};
    CHECK(steps<fuzz::reference_walk>(bytes) == expected);
    CHECK(steps<fuzz::kernel_walk>(bytes) == expected);
    CHECK(steps<fuzz::glibc_walk>(bytes) == expected);
    CHECK(steps<fuzz::musl_walk>(bytes) == expected);
  }
}

TEST_CASE("all walks end at once where there is nothing", "[fuzz]") {
  for (const abi layout : both_layouts) {
    const control_bytes bytes{layout};
    CHECK(steps<fuzz::reference_walk>(bytes) == walked{end});
    CHECK(steps<fuzz::kernel_walk>(bytes) == walked{end});
    CHECK(steps<fuzz::glibc_walk>(bytes) == walked{end});
    CHECK(steps<fuzz::musl_walk>(bytes) == walked{end});
  }
}

TEST_CASE("a bad length is a fault to the kernel, and handed out by the macros", "[fuzz]") {
  for (const abi layout : both_layouts) {
    for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{11}, std::uint64_t{100}}) {
      const auto bytes = control_bytes{layout}.header(length, 1, 1).fill(20);
      CHECK(steps<fuzz::reference_walk>(bytes) == walked{fault(0)});
      CHECK(steps<fuzz::kernel_walk>(bytes) == walked{fault(0)});
      CHECK(steps<fuzz::glibc_walk>(bytes) == walked{header(0), end});
      CHECK(steps<fuzz::musl_walk>(bytes) == walked{header(0), end});
    }
  }
}

TEST_CASE("the compat layer alone refuses a rest that is too short for a header", "[fuzz]") {
  for (std::size_t rest = 1; rest != 12; ++rest) {
    const auto bytes = control_bytes{abi::ilp32}.message(1, 1, {4}).fill(rest, 0xff);
    CHECK(steps<fuzz::kernel_walk>(bytes) == walked{header(0), fault(16)});
    CHECK(steps<fuzz::reference_walk>(bytes) == walked{header(0), end});
  }
  const auto wide = control_bytes{abi::lp64}.message(1, 1, {4, 5}).fill(15, 0xff);
  CHECK(steps<fuzz::kernel_walk>(wide) == walked{header(0), end});
}

TEST_CASE("musl alone wants something behind the last header", "[fuzz]") {
  for (const abi layout : both_layouts) {
    const auto bytes = control_bytes{layout}.message(1, 2, {7, 8, 9}).pad().message(1, 1, {});
    const std::size_t second = layout == abi::lp64 ? 32 : 24;
    CHECK(steps<fuzz::musl_walk>(bytes) == walked{header(0), end});
    CHECK(steps<fuzz::glibc_walk>(bytes) == walked{header(0), header(second), end});
  }
}

TEST_CASE("musl alone reads half of a wide length", "[fuzz]") {
  const auto bytes = control_bytes{abi::lp64}.header((std::uint64_t{1} << 32) + 24, 1, 1).fill(8).message(1, 1, {4, 5});
  CHECK(steps<fuzz::musl_walk>(bytes) == walked{header(0), header(24), end});
  CHECK(steps<fuzz::glibc_walk>(bytes) == walked{header(0), end});
  CHECK(steps<fuzz::reference_walk>(bytes) == walked{fault(0)});
}

TEST_CASE("musl alone does not come to an end on a narrow length near 2^32", "[fuzz]") {
  const auto bytes = control_bytes{abi::ilp32}.header(0xfffffffd, 1, 1).fill(20);
  CHECK(steps<fuzz::musl_walk>(bytes) == walked{header(0), stuck(0)});
  CHECK(steps<fuzz::glibc_walk>(bytes) == walked{header(0), end});
}

TEST_CASE("a length past every buffer is past the end, whichever of its bytes says so", "[fuzz]") {
  for (int byte = 4; byte != 8; ++byte) {
    const auto bytes = control_bytes{abi::lp64}.header((std::uint64_t{1} << (8 * byte)) + 24, 1, 1).fill(8);
    CHECK(steps<fuzz::reference_walk>(bytes) == walked{fault(0)});
    CHECK(steps<fuzz::kernel_walk>(bytes) == walked{fault(0)});
  }
}
