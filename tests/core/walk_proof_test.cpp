// The walk over every small buffer: all sizes, and all lengths of the first headers, in both layouts. Once as constant
// expressions, which undefined behaviour does not compile in; once at run time over more than 2^22 buffers. What holds
// for all larger sizes is stated in tests/proof.
#include "support/catch.hpp"

#include <scm/core/control_view.hpp>
#include <scm/fuzz/walk_models.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

using scm::abi;
using scm::control_view;
namespace fuzz = scm::fuzz;
using fuzz::walk_step;

namespace {

template <std::size_t Size>
using buffer = std::array<std::byte, Size>;

constexpr void put_length(std::span<std::byte> bytes, std::size_t at, std::uint64_t length, abi layout) {
  for (std::size_t i = 0; i != (layout == abi::lp64 ? 8u : 4u); ++i) {
    bytes[at + i] = static_cast<std::byte>(length >> (8 * i) & 0xff);
  }
}

// Whether the walk over these bytes keeps inside, goes forward, and comes to what the reference comes to.
constexpr bool walks_well(std::span<const std::byte> bytes, abi layout) {
  control_view walk{bytes, layout};
  fuzz::reference_walk reference{bytes, layout};
  std::size_t from = 0;
  for (;;) {
    const auto message = walk.next();
    const walk_step expected = reference.next();
    if (!message) {
      walk_step stop{walk_step::kind::end, 0};
      if (walk.error()) stop = {walk_step::kind::fault, walk.error()->offset};
      return expected == stop && !walk.next();
    }
    const std::size_t header = layout == abi::lp64 ? 16 : 12;
    if (expected != walk_step{walk_step::kind::header, message->offset}) return false;
    if (message->offset < from || bytes.size() - message->offset < header + message->payload.size()) return false;
    from = message->offset + header + message->payload.size();
  }
}

// Runs `use(bytes)` on every buffer of this size whose headers claim every length up to one more than is left, the
// second and third header too, wherever the ones before put them. The rest is zero.
template <class Use>
constexpr bool all_buffers(std::span<std::byte> bytes, abi layout, std::size_t at, int headers, const Use& use) {
  const std::size_t header = layout == abi::lp64 ? 16 : 12;
  const std::size_t step = layout == abi::lp64 ? 8 : 4;
  if (headers == 0 || at > bytes.size() || bytes.size() - at < header) return use(bytes);
  const std::size_t left = bytes.size() - at;
  for (std::size_t length = 0; length <= left + 1; ++length) {
    put_length(bytes, at, length, layout);
    const bool goes_on = length >= header && length <= left;
    const std::size_t next = at + (length + step - 1) / step * step;
    if (!(goes_on ? all_buffers(bytes, layout, next, headers - 1, use) : use(bytes))) return false;
  }
  put_length(bytes, at, 0, layout);
  return true;
}

template <abi Layout, std::size_t Size>
constexpr bool holds_as_constant() {
  buffer<Size> bytes{};
  return all_buffers(bytes, Layout, 0, 2, [](std::span<const std::byte> b) { return walks_well(b, Layout); });
}

template <abi Layout, std::size_t... Sizes>
constexpr bool all_hold(std::index_sequence<Sizes...>) {
  static_assert((std::bool_constant<holds_as_constant<Layout, Sizes>()>::value && ...));
  return true;
}

// Two whole headers and what comes after them.
static_assert(all_hold<abi::lp64>(std::make_index_sequence<16 + 16 + 10>{}));
static_assert(all_hold<abi::ilp32>(std::make_index_sequence<12 + 12 + 6>{}));

}  // namespace

TEST_CASE("the walk is right on every buffer of up to four headers", "[proof]") {
  constexpr std::size_t largest = 112;
  std::size_t cases = 0, wrong = 0;
  std::array<std::byte, largest> room{};
  for (const abi layout : {abi::lp64, abi::ilp32}) {
    for (std::size_t size = 0; size <= (layout == abi::lp64 ? largest : 84); ++size) {
      all_buffers(std::span{room}.first(size), layout, 0, 4, [&](std::span<const std::byte> bytes) {
        ++cases;
        if (!walks_well(bytes, layout)) ++wrong;
        return true;
      });
    }
  }
  CAPTURE(cases);
  CHECK(wrong == 0);
  CHECK(cases >= std::size_t{1} << 22);
}

TEST_CASE("lengths near the ends of every integer stop the walk wherever they stand", "[proof]") {
  constexpr std::uint64_t ends[]{std::uint64_t{1} << 31, std::uint64_t{1} << 32, std::uint64_t{1} << 63, 0};
  std::size_t wrong = 0;
  std::array<std::byte, 64> room{};
  for (const abi layout : {abi::lp64, abi::ilp32}) {
    const std::size_t header = layout == abi::lp64 ? 16 : 12;
    for (std::size_t size = 0; size <= room.size(); ++size) {
      const auto bytes = std::span{room}.first(size);
      for (std::size_t first = 0; first + header <= size; first += layout == abi::lp64 ? 8 : 4) {
        for (const std::uint64_t end : ends) {
          for (std::uint64_t distance = 0; distance != 40; ++distance) {
            room = {};
            if (first >= header) put_length(bytes, 0, first, layout);
            put_length(bytes, first, end + distance - 20, layout);
            if (!walks_well(bytes, layout)) ++wrong;
          }
        }
      }
    }
  }
  CHECK(wrong == 0);
}
