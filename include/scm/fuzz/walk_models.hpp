/// The rules by which others walk over control data, one step at a time, to compare a parser with.
///
/// Each is written down from its source and shares no code with the library: `reference_walk`, which shares none with
/// the others either, is the plain meaning of cmsg(3), `kernel_walk` what Linux accepts from a sender, `glibc_walk` and
/// `musl_walk` the CMSG_ macros of the two C libraries. They work on offsets alone, so that any bytes are safe for
/// them.
#pragma once

#include <scm/core/cmsg.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace scm::inline v0_1::fuzz {

/// Where a walk has come to.
struct walk_step {
  enum class kind : unsigned char {
    header,  ///< At a header, which the walk hands out.
    end,     ///< At its end.
    fault,   ///< At a header that it refuses. The macros of the C libraries refuse nothing; they end.
    stuck,   ///< At the header before, again: a loop over it would not end.
  };
  kind what;
  std::size_t offset;  ///< Of the header, from the start of the control data; 0 at the end.

  friend constexpr bool operator==(const walk_step&, const walk_step&) noexcept = default;
};

/// The meaning, byte by byte. Lengths are read whole and clipped to 2^40, more than any buffer has, so that no sum of
/// them can wrap.
class reference_walk {
 public:
  constexpr reference_walk(std::span<const std::byte> bytes, abi layout) noexcept
      : bytes_{bytes}, wide_{layout == abi::lp64} {}

  [[nodiscard]] constexpr walk_step next() noexcept {
    const std::uint64_t header = wide_ ? 16 : 12;
    if (at_ + header > bytes_.size()) return {walk_step::kind::end, 0};
    const std::uint64_t claimed = length();
    const walk_step here{walk_step::kind::header, static_cast<std::size_t>(at_)};
    if (claimed < header || at_ + claimed > bytes_.size()) return {walk_step::kind::fault, here.offset};
    at_ += claimed;
    while (at_ % (wide_ ? 8 : 4) != 0) ++at_;
    return here;
  }

 private:
  [[nodiscard]] constexpr std::uint64_t length() const noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = wide_ ? 8 : 4; i-- != 0;) {
      const auto byte = std::to_integer<std::uint64_t>(bytes_[static_cast<std::size_t>(at_) + i]);
      if (i >= 5) {
        if (byte != 0) return std::uint64_t{1} << 40;
      } else {
        value = value * 256 + byte;
      }
    }
    return value;
  }

  std::span<const std::byte> bytes_;
  std::uint64_t at_ = 0;
  bool wide_;
};

namespace detail {
/// A length field as a little-endian machine of that layout loads it.
[[nodiscard]] constexpr std::uint64_t load_length(std::span<const std::byte> bytes, std::uint64_t at,
                                                  std::uint64_t size) noexcept {
  std::array<std::byte, 8> raw{};
  const auto field = bytes.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(size));
  std::copy_n(field.data(), field.size(), raw.data());
  return std::bit_cast<std::uint64_t>(raw);
}
static_assert(std::endian::native == std::endian::little, "as are all machines that these rules were read for");
}  // namespace detail

/// Linux 6.18: CMSG_OK and __cmsg_nxthdr (include/linux/socket.h) for LP64; their compat counterparts (net/compat.c)
/// for ILP32, where the next header is looked for as soon as one byte is left, so that bytes behind the last message's
/// padding are refused (kernel fact G).
class kernel_walk {
 public:
  constexpr kernel_walk(std::span<const std::byte> bytes, abi layout) noexcept
      : bytes_{bytes}, compat_{layout == abi::ilp32} {}

  [[nodiscard]] constexpr walk_step next() noexcept {
    const std::uint64_t size = bytes_.size();
    const std::uint64_t header = compat_ ? 12 : 16;
    const std::uint64_t least = compat_ ? 1 : header;
    if (at_ > size || size - at_ < least) return {walk_step::kind::end, 0};
    const auto offset = static_cast<std::size_t>(at_);
    if (size - at_ < header) return {walk_step::kind::fault, offset};
    const std::uint64_t length = detail::load_length(bytes_, at_, compat_ ? 4 : 8);
    if (!(length >= header && length <= size - at_)) return {walk_step::kind::fault, offset};
    at_ += compat_ ? (length + 3) & ~std::uint64_t{3} : (length + 7) & ~std::uint64_t{7};
    return {walk_step::kind::header, offset};
  }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t at_ = 0;
  bool compat_;
};

}  // namespace scm::inline v0_1::fuzz
