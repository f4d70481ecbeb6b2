// Sizes of control messages: the C library's own macros, the tables of both layouts, and the edge of size_t.
#include "support/catch.hpp"

#include <scm/core/cmsg.hpp>

#include <sys/socket.h>
#include <sys/time.h>

#include <cstddef>
#include <cstdint>
#include <ctime>

using scm::abi;
using scm::cmsg_overflow;
using scm::control_room;

namespace {

constexpr bool agrees_with_the_c_library(std::size_t up_to) {
  for (std::size_t n = 0; n <= up_to; ++n) {
    if (scm::cmsg_align(n) != CMSG_ALIGN(n)) return false;
    if (scm::cmsg_len(n) != CMSG_LEN(n)) return false;
    if (scm::cmsg_space(n) != CMSG_SPACE(n)) return false;
  }
  return true;
}
static_assert(agrees_with_the_c_library(4096));
static_assert(scm::cmsg_header_size() == sizeof(cmsghdr));
static_assert(scm::cmsg_alignment() == sizeof(long));

// Kernel facts H1 and K15.
struct sizes {
  std::size_t payload, length, space;
};
constexpr sizes lp64_sizes[]{{0, 16, 16},  {1, 17, 24},  {4, 20, 24},        {8, 24, 24},
                             {12, 28, 32}, {16, 32, 32}, {4 * 32, 144, 144}, {4 * 253, 1028, 1032}};
constexpr sizes ilp32_sizes[]{{0, 12, 12},  {1, 13, 16},  {4, 16, 16},        {8, 20, 20},
                              {12, 24, 24}, {16, 28, 28}, {4 * 32, 140, 140}, {4 * 253, 1024, 1024}};

constexpr bool holds(const auto& table, abi layout) {
  for (const sizes& row : table) {
    if (scm::cmsg_len(row.payload, layout) != row.length) return false;
    if (scm::cmsg_space(row.payload, layout) != row.space) return false;
  }
  return true;
}
static_assert(holds(lp64_sizes, abi::lp64));
static_assert(holds(ilp32_sizes, abi::ilp32));
static_assert(scm::cmsg_header_size(abi::lp64) == 16 && scm::cmsg_alignment(abi::lp64) == 8);
static_assert(scm::cmsg_header_size(abi::ilp32) == 12 && scm::cmsg_alignment(abi::ilp32) == 4);

constexpr bool never_wraps(abi layout) {
  for (std::size_t below = 0; below != 64; ++below) {
    const std::size_t n = SIZE_MAX - below;
    if (scm::cmsg_align(n, layout) < n || scm::cmsg_len(n, layout) < n || scm::cmsg_space(n, layout) < n) return false;
    if (scm::cmsg_space(n, layout) < scm::cmsg_len(n, layout)) return false;
  }
  return true;
}
static_assert(never_wraps(abi::lp64) && never_wraps(abi::ilp32));

constexpr bool overflows_only_where_it_must(abi layout) {
  const std::size_t header = scm::cmsg_header_size(layout);
  const std::size_t mask = scm::cmsg_alignment(layout) - 1;
  const std::size_t largest = SIZE_MAX - mask;  // the largest multiple of the alignment
  return scm::cmsg_align(largest, layout) == largest && scm::cmsg_align(largest + 1, layout) == cmsg_overflow &&
         scm::cmsg_len(SIZE_MAX - header - 1, layout) == SIZE_MAX - 1 &&
         scm::cmsg_len(SIZE_MAX - header + 1, layout) == cmsg_overflow &&
         scm::cmsg_space(largest - header, layout) == largest &&
         scm::cmsg_space(largest - header + 1, layout) == cmsg_overflow;
}
static_assert(overflows_only_where_it_must(abi::lp64) && overflows_only_where_it_must(abi::ilp32));

// Kernel facts E1 and H2.
static_assert(control_room{.rights = 2, .credentials = true, .pidfd = true, .queued_bytes = true}.bytes(abi::lp64) ==
              104);
static_assert(control_room{.rights = 3, .credentials = true, .pidfd = true, .queued_bytes = true}.bytes(abi::lp64) ==
              112);
static_assert(control_room{.rights = 3, .credentials = true, .pidfd = true, .queued_bytes = true}.bytes(abi::ilp32) ==
              80);

constexpr bool every_item_takes_its_space(abi layout) {
  const auto space = [&](std::size_t payload) { return scm::cmsg_space(payload, layout); };
  return control_room{}.bytes(layout) == 0 && control_room{.rights = 253}.bytes(layout) == space(4 * 253) &&
         control_room{.credentials = true}.bytes(layout) == space(12) &&
         control_room{.pidfd = true}.bytes(layout) == space(4) &&
         control_room{.timestamp = true}.bytes(layout) == space(layout == abi::lp64 ? 16 : 8) &&
         control_room{.queued_bytes = true}.bytes(layout) == space(4) &&
         control_room{.label = 33}.bytes(layout) == space(33);
}
static_assert(every_item_takes_its_space(abi::lp64) && every_item_takes_its_space(abi::ilp32));

constexpr bool room_never_wraps(abi layout) {
  const std::size_t half = SIZE_MAX / 2;
  return control_room{.rights = SIZE_MAX / 4 + 1}.bytes(layout) == cmsg_overflow &&
         control_room{.rights = SIZE_MAX / 4}.bytes(layout) == cmsg_overflow &&
         control_room{.rights = 1, .label = SIZE_MAX}.bytes(layout) == cmsg_overflow &&
         control_room{.rights = half / 4 + 1, .label = half}.bytes(layout) == cmsg_overflow &&
         control_room{.pidfd = true, .queued_bytes = true, .label = SIZE_MAX - 32}.bytes(layout) == cmsg_overflow;
}
static_assert(room_never_wraps(abi::lp64) && room_never_wraps(abi::ilp32));

}  // namespace

// The same once more at run time, where a size is not a constant expression.

TEST_CASE("sizes are those of the C library's CMSG macros") {
  CHECK(agrees_with_the_c_library(4096));
  CHECK(scm::cmsg_len(sizeof(ucred)) == CMSG_LEN(sizeof(ucred)));
}

TEST_CASE("sizes of both layouts are those of the kernel on any machine") {
  CHECK(holds(lp64_sizes, abi::lp64));
  CHECK(holds(ilp32_sizes, abi::ilp32));
}

TEST_CASE("a size that does not fit is cmsg_overflow and never wraps") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  CHECK(never_wraps(layout));
  CHECK(overflows_only_where_it_must(layout));
}

TEST_CASE("sizes are array bounds") {
  struct room_for_three {
    std::byte bytes[control_room{.rights = 3, .pidfd = true}.bytes()];
    std::byte space[scm::cmsg_space(3 * sizeof(int))];
  };
  CHECK(sizeof(room_for_three) == 2 * CMSG_SPACE(3 * sizeof(int)) + CMSG_SPACE(sizeof(int)));
}

TEST_CASE("control room is the sum of the padded items that are wanted") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  CHECK(every_item_takes_its_space(layout));
  CHECK(room_never_wraps(layout));
  const control_room everything{
      .rights = 253, .credentials = true, .pidfd = true, .timestamp = true, .queued_bytes = true, .label = 256};
  CHECK(everything.bytes(layout) == (layout == abi::lp64 ? 32u + 32 + 272 + 1032 + 24 + 24  //
                                                         : 20u + 24 + 268 + 1024 + 16 + 16));
}
