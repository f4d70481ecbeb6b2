// Control data written by hand in either layout, right or wrong, without using the arithmetic that is under test.
#pragma once

#include <scm/core/cmsg.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace scm::test {

inline constexpr std::array both_layouts{abi::lp64, abi::ilp32};

// Offsets of a control message, written down here a second time on purpose: the tests' own copy of kernel fact H1.
struct control_layout {
  std::size_t length_field, header, alignment;
};
constexpr control_layout layout_of(abi layout) noexcept {
  return layout == abi::lp64 ? control_layout{8, 16, 8} : control_layout{4, 12, 4};
}

class control_bytes {
 public:
  explicit control_bytes(abi layout = abi::native) : layout_{layout} {}

  template <class Integer>
  control_bytes& integer(Integer value) {
    const auto raw = std::bit_cast<std::array<std::byte, sizeof value>>(value);
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
    return *this;
  }
  // A header that claims `length`, whatever follows. ILP32 keeps the low half.
  control_bytes& header(std::uint64_t length, int level, int type) {
    if (layout_ == abi::lp64) {
      integer(length);
    } else {
      integer(static_cast<std::uint32_t>(length));
    }
    return integer(std::int32_t{level}).integer(std::int32_t{type});
  }
  control_bytes& raw(std::span<const std::byte> bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  control_bytes& text(std::string_view text) { return raw(std::as_bytes(std::span{text})); }
  control_bytes& fill(std::size_t count, unsigned char value = 0) {
    bytes_.insert(bytes_.end(), count, std::byte{value});
    return *this;
  }
  // Zeros up to where the next message starts.
  control_bytes& pad() {
    while (bytes_.size() % layout_of(layout_).alignment != 0) bytes_.push_back(std::byte{0});
    return *this;
  }
  // A right message, not padded.
  control_bytes& message(int level, int type, std::span<const std::byte> payload) {
    return header(layout_of(layout_).header + payload.size(), level, type).raw(payload);
  }
  control_bytes& message(int level, int type, std::initializer_list<std::int32_t> payload) {
    header(layout_of(layout_).header + 4 * payload.size(), level, type);
    for (const std::int32_t value : payload) integer(value);
    return *this;
  }
  control_bytes& cut(std::size_t size) {
    bytes_.resize(size);
    return *this;
  }

  abi layout() const noexcept { return layout_; }
  std::size_t size() const noexcept { return bytes_.size(); }
  std::span<const std::byte> view() const noexcept { return bytes_; }
  operator std::span<const std::byte>() const noexcept { return bytes_; }
  const std::vector<std::byte>& vector() const noexcept { return bytes_; }

 private:
  abi layout_;
  std::vector<std::byte> bytes_;
};

}  // namespace scm::test
