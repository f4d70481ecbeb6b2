/// A fuzzer's bytes, taken apart into the values that a harness needs.
#pragma once

#include <scm/core/config.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace scm::inline v0_1::fuzz {

/// Hands the input out from its front. It never runs dry: past its end everything is zero, so that a longer input only
/// adds to what a shorter one does. Borrows the bytes.
class input {
 public:
  explicit input(std::span<const std::uint8_t> bytes) noexcept : rest_{bytes} {}

  [[nodiscard]] bool empty() const noexcept { return rest_.empty(); }

  template <class Integer>
  [[nodiscard]] Integer take() noexcept {
    Integer value{};
    const std::size_t size = std::min(sizeof value, rest_.size());
    if (size != 0) std::memcpy(&value, rest_.data(), size);
    rest_ = rest_.subspan(size);
    return value;
  }

  /// What is left, at most `size` bytes of it.
  [[nodiscard]] std::span<const std::byte> take_bytes(std::size_t size) noexcept {
    const auto front = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(front.size());
    return std::as_bytes(front);
  }
  [[nodiscard]] std::span<const std::byte> rest() const noexcept { return std::as_bytes(rest_); }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace scm::inline v0_1::fuzz
