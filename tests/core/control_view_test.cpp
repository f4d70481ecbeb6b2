// The walk over control data: what it hands out, where it stops, and that no byte sequence leads it astray.
#include "support/bytes.hpp"
#include "support/catch.hpp"

#include <scm/core/control_view.hpp>

#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

using scm::abi;
using scm::control_message;
using scm::control_view;
using scm::parse_error;
using scm::test::control_bytes;
using scm::test::layout_of;
using fault = scm::parse_error::fault;

namespace {

struct outcome {
  std::vector<control_message> messages;
  std::optional<parse_error> error;
};

outcome walk(std::span<const std::byte> bytes, abi layout) {
  outcome seen;
  control_view view{bytes, layout};
  while (const auto message = view.next()) seen.messages.push_back(*message);
  seen.error = view.error();
  CHECK_FALSE(view.next().has_value());  // the end is the end, and an error is final
  CHECK(view.error() == seen.error);
  return seen;
}

// Constant expressions cannot hold undefined behaviour: the compiler proves these walks to have none.
template <std::size_t Size>
struct image {
  std::array<std::byte, Size> bytes{};
  constexpr image& at(std::size_t offset, std::uint32_t value) {
    const auto raw = std::bit_cast<std::array<std::byte, 4>>(value);
    for (std::size_t i = 0; i != 4; ++i) bytes[offset + i] = raw[i];
    return *this;
  }
};

constexpr int count(std::span<const std::byte> bytes, abi layout) {
  control_view view{bytes, layout};
  int messages = 0;
  while (view.next()) ++messages;
  return view.error() ? -1 : messages;
}

constexpr bool two_messages_by_constant_evaluation() {
  image<40> wide;  // 16 + 4 + padding 4, then 16
  wide.at(0, 20).at(8, 1).at(12, 1).at(16, 7).at(24, 16).at(32, 2).at(36, 3);
  control_view view{wide.bytes, abi::lp64};
  const auto first = view.next();
  const auto second = view.next();
  if (!first || !second || view.next() || view.error()) return false;
  if (first->level != 1 || first->type != 1 || first->offset != 0 || first->payload.size() != 4) return false;
  if (scm::detail::load<std::int32_t>(first->payload, 0) != 7 || first->layout != abi::lp64) return false;
  return second->level == 2 && second->type == 3 && second->offset == 24 && second->payload.empty();
}
static_assert(two_messages_by_constant_evaluation());

// Every length of the first header in every size, over bytes that are zero otherwise: a second header is then too
// short, so a message that leaves room for another header ends in an error.
constexpr bool every_small_length(abi layout, std::size_t from = 0, std::size_t to = 48) {
  const std::size_t header = layout == abi::lp64 ? 16 : 12;
  const std::size_t mask = layout == abi::lp64 ? 7 : 3;
  for (std::size_t size = from; size <= to; ++size) {
    for (std::uint32_t length = 0; length <= 52; ++length) {
      image<52> made;
      made.at(0, length);
      const int seen = count(std::span{made.bytes}.first(size), layout);
      const std::size_t next = (length + mask) & ~mask;
      int expected = 0;
      if (size >= header) expected = length < header || length > size || (next + header <= size) ? -1 : 1;
      if (seen != expected) return false;
    }
  }
  return true;
}
// In parts: Clang gives each constant expression a million steps.
static_assert(every_small_length(abi::lp64, 0, 24) && every_small_length(abi::ilp32, 0, 24));
static_assert(every_small_length(abi::lp64, 25, 40));
static_assert(every_small_length(abi::lp64, 41, 48));
static_assert(every_small_length(abi::ilp32, 25, 40));
static_assert(every_small_length(abi::ilp32, 41, 48));

}  // namespace

TEST_CASE("constant evaluation and run time see the same messages") {
  CHECK(two_messages_by_constant_evaluation());
  CHECK(every_small_length(abi::lp64));
  CHECK(every_small_length(abi::ilp32));
}

TEST_CASE("empty control data has no message and no error") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const auto seen = walk({}, layout);
  CHECK(seen.messages.empty());
  CHECK_FALSE(seen.error.has_value());
}

TEST_CASE("bytes too few for a header are padding whatever they hold") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const std::size_t header = layout_of(layout).header;
  for (std::size_t extra = 0; extra != header; ++extra) {
    CHECK(walk(control_bytes{layout}.fill(extra, 0xff), layout).messages.empty());
    CHECK_FALSE(walk(control_bytes{layout}.fill(extra, 0xff), layout).error.has_value());

    const auto after = control_bytes{layout}.message(1, 1, {5, 6}).pad().fill(extra, 0xff);
    const auto seen = walk(after, layout);
    CHECK(seen.messages.size() == 1);
    CHECK_FALSE(seen.error.has_value());
  }
}

TEST_CASE("a header's worth of zeros after the last message is a message with a bad length") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const auto bytes = control_bytes{layout}.message(1, 1, {5}).pad();
  const std::size_t end = bytes.size();
  const auto seen = walk(control_bytes{bytes}.fill(layout_of(layout).header), layout);
  CHECK(seen.messages.size() == 1);
  REQUIRE(seen.error.has_value());
  CHECK(*seen.error == parse_error{fault::length_below_header, end});
}

TEST_CASE("the last message needs no padding") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  for (std::size_t payload = 0; payload != 9; ++payload) {
    const auto bytes = control_bytes{layout}
                           .message(1, 1, {5})
                           .pad()
                           .header(layout_of(layout).header + payload, 41, 50)
                           .fill(payload, 0x5a);
    const auto seen = walk(bytes, layout);
    REQUIRE(seen.messages.size() == 2);
    CHECK(seen.messages[1].payload.size() == payload);
    CHECK_FALSE(seen.error.has_value());
  }
}

TEST_CASE("a length is accepted between the header's and what is left and refused otherwise") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const std::size_t header = layout_of(layout).header;
  const bool second = GENERATE(false, true);  // the first message at fault, or one after a good one
  constexpr std::size_t left = 44;

  std::vector<std::uint64_t> lengths{0,
                                     1,
                                     11,
                                     12,
                                     15,
                                     16,
                                     17,
                                     19,
                                     20,
                                     left - 1,
                                     left,
                                     left + 1,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     1ull << 32,
                                     (1ull << 32) + 20};
  for (std::uint64_t below = 0; below != 8; ++below) lengths.push_back(UINT64_MAX - below);

  for (const std::uint64_t length : lengths) {
    control_bytes bytes{layout};
    if (second) bytes.message(1, 1, {3, 4}).pad();
    const std::size_t start = bytes.size();
    bytes.header(length, 77, 88).fill(left - header, 0xff);
    const std::uint64_t held = layout == abi::lp64 ? length : static_cast<std::uint32_t>(length);

    INFO("length " << length << " at " << start);
    const auto seen = walk(bytes, layout);
    REQUIRE(seen.messages.size() >= (second ? 1u : 0u));
    const auto rest = std::span{seen.messages}.subspan(second ? 1 : 0);
    if (held < header || held > left) {
      CHECK(rest.empty());
      REQUIRE(seen.error.has_value());
      CHECK(*seen.error == parse_error{held < header ? fault::length_below_header : fault::length_past_end, start});
      CHECK(seen.error->code() == scm::errc::malformed);
    } else {
      REQUIRE(rest.size() == 1);
      CHECK(rest[0].level == 77);
      CHECK(rest[0].type == 88);
      CHECK(rest[0].offset == start);
      CHECK(rest[0].payload.data() == bytes.view().data() + start + header);
      CHECK(rest[0].payload.size() == held - header);
      // What remains is 0xff: a second header there claims far too much.
      const std::size_t mask = layout_of(layout).alignment - 1;
      const std::size_t taken = (static_cast<std::size_t>(held) + mask) & ~mask;
      const bool header_follows = taken < left && left - taken >= header;
      REQUIRE(seen.error.has_value() == header_follows);
      if (header_follows) CHECK(*seen.error == parse_error{fault::length_past_end, start + taken});
    }
  }
}

TEST_CASE("messages are the same at every address") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const auto bytes = control_bytes{layout}
                         .message(SOL_SOCKET, SCM_CREDENTIALS, {100, 200, 300})
                         .pad()
                         .message(SOL_SOCKET, SCM_RIGHTS, {3, 4, 5})
                         .pad()
                         .message(SOL_SOCKET, 4, {9});
  const auto aligned = walk(bytes, layout);
  REQUIRE(aligned.messages.size() == 3);

  for (std::size_t shift = 0; shift != 16; ++shift) {
    // A block of exactly this size, so that a sanitizer sees the first byte read past either end.
    const std::size_t size = shift + bytes.size();
    const std::unique_ptr<std::byte[]> block{new std::byte[size]};
    std::memcpy(block.get() + shift, bytes.view().data(), bytes.size());
    const auto moved = walk({block.get() + shift, bytes.size()}, layout);
    REQUIRE(moved.messages.size() == aligned.messages.size());
    CHECK_FALSE(moved.error.has_value());
    for (std::size_t i = 0; i != moved.messages.size(); ++i) {
      CHECK(moved.messages[i].level == aligned.messages[i].level);
      CHECK(moved.messages[i].type == aligned.messages[i].type);
      CHECK(moved.messages[i].offset == aligned.messages[i].offset);
      CHECK(std::ranges::equal(moved.messages[i].payload, aligned.messages[i].payload));
    }
  }
}

TEST_CASE("control data past the limit is refused without being read") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  // Addresses without memory behind them: a read would end the process.
  void* const nowhere = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  REQUIRE(nowhere != MAP_FAILED);
  for (const std::size_t size : {std::size_t{INT_MAX} + 1, std::size_t{UINT_MAX}, SIZE_MAX - 7, SIZE_MAX}) {
    const auto seen = walk({static_cast<const std::byte*>(nowhere), size}, layout);
    CHECK(seen.messages.empty());
    REQUIRE(seen.error.has_value());
    CHECK(*seen.error == parse_error{fault::too_large, 0});
    CHECK(seen.error->code() == scm::errc::over_limit);
  }
  REQUIRE(::munmap(nowhere, 4096) == 0);
}

TEST_CASE("control data of the largest allowed size is walked") {
  if constexpr (sizeof(void*) == 8) {
    const std::size_t size = INT_MAX;
    void* const memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    const std::uint64_t length = size;
    std::memcpy(memory, &length, sizeof length);
    const auto seen = walk({static_cast<const std::byte*>(memory), size}, abi::lp64);
    CHECK_FALSE(seen.error.has_value());
    REQUIRE(seen.messages.size() == 1);
    CHECK(seen.messages[0].payload.size() == size - 16);
    REQUIRE(::munmap(memory, size) == 0);
  } else {
    SUCCEED("half of the address space does not hold it");
  }
}

TEST_CASE("unknown levels and types are handed on") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const auto bytes =
      control_bytes{layout}.message(-1, INT_MIN, {}).pad().message(0, 0, {1}).pad().message(INT_MAX, -1, {2, 3}).pad();
  const auto seen = walk(bytes, layout);
  CHECK_FALSE(seen.error.has_value());
  REQUIRE(seen.messages.size() == 3);
  CHECK(seen.messages[0].level == -1);
  CHECK(seen.messages[0].type == INT_MIN);
  CHECK(seen.messages[0].layout == layout);
  CHECK(seen.messages[1].level == 0);
  CHECK(seen.messages[2].level == INT_MAX);
  CHECK(seen.messages[2].type == -1);
  CHECK(seen.messages[2].payload.size() == 8);
}

TEST_CASE("the messages of a prefix are those that end inside it") {
  const abi layout = GENERATE(abi::lp64, abi::ilp32);
  const auto bytes = control_bytes{layout}
                         .message(1, 2, {7, 8, 9})
                         .pad()
                         .message(1, 1, {3})
                         .pad()
                         .message(5, 6, {})
                         .message(1, 4, {1});
  const auto whole = walk(bytes, layout);
  REQUIRE(whole.messages.size() == 4);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const auto part = walk(bytes.view().first(size), layout);
    const auto ends_inside = [&](const control_message& message) {
      return message.offset + layout_of(layout).header + message.payload.size() <= size;
    };
    REQUIRE(part.messages.size() == static_cast<std::size_t>(std::ranges::count_if(whole.messages, ends_inside)));
    for (std::size_t i = 0; i != part.messages.size(); ++i) {
      CHECK(part.messages[i].offset == whole.messages[i].offset);
      CHECK(part.messages[i].payload.size() == whole.messages[i].payload.size());
    }
  }
}

TEST_CASE("a fault is told by its place and in words of its own") {
  std::vector<std::string> texts;
  for (const fault what : {fault::too_large, fault::length_below_header, fault::length_past_end, fault::payload_size,
                           fault::payload_value}) {
    const parse_error error{what, 24};
    const std::error_code code = error;
    CHECK(code == (what == fault::too_large ? scm::errc::over_limit : scm::errc::malformed));
    texts.emplace_back(error.text());
    CHECK_FALSE(texts.back().empty());
  }
  texts.emplace_back(parse_error{static_cast<fault>(200), 0}.text());
  std::ranges::sort(texts);
  CHECK(std::ranges::adjacent_find(texts) == texts.end());
  CHECK_FALSE(parse_error{fault::too_large, 0} == parse_error{fault::too_large, 1});
}

TEST_CASE("faults are the same only if they are of one kind and at one place") {
  const parse_error error{fault::length_past_end, 16};
  CHECK(error == parse_error{fault::length_past_end, 16});
  CHECK_FALSE(error == parse_error{fault::length_past_end, 24});
  CHECK_FALSE(error == parse_error{fault::payload_size, 16});
}
