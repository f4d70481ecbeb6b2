/// Bytes that are not safe to print, spelled as \xNN.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace scm::inline v0_1::detail {

/// One byte in print: itself when it is printable ASCII and no backslash, else four characters.
class escaped_byte {
 public:
  constexpr explicit escaped_byte(char byte) noexcept {
    constexpr std::string_view digits = "0123456789abcdef";
    if (byte >= 0x20 && byte < 0x7f && byte != '\\') {
      chars_[0] = byte;
      size_ = 1;
      return;
    }
    const auto value = static_cast<unsigned char>(byte);
    chars_ = {'\\', 'x', digits[value >> 4], digits[value & 15]};
    size_ = 4;
  }

  [[nodiscard]] constexpr std::string_view view() const noexcept { return {chars_.data(), size_}; }

 private:
  std::array<char, 4> chars_{};
  std::size_t size_ = 0;
};

}  // namespace scm::inline v0_1::detail
