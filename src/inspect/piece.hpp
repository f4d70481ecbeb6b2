/// A part of a text that knows where it stands, and the words that texts for people are made of: numbers, sizes, bytes.
#pragma once

#include "core/escape.hpp"

#include <scm/inspect/expectation_text.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace scm::inline v0_1::detail {

/// What is wrong, if anything is.
using fault = std::optional<rule_error>;

/// Text and its offset in all of it.
struct piece {
  std::string_view text;
  std::size_t offset = 0;

  [[nodiscard]] rule_error error(const char* what, std::size_t at = 0) const noexcept { return {offset + at, what}; }
  [[nodiscard]] piece from(std::size_t at) const noexcept { return {text.substr(at), offset + at}; }

  /// What stands before the next `separator`, or all; it and the separator are gone afterwards. `last` says whether
  /// there was none.
  piece next(char separator, bool& last) noexcept {
    const std::size_t end = text.find(separator);
    last = end == text.npos;
    const piece first{text.substr(0, end), offset};
    *this = last ? from(text.size()) : from(end + 1);
    return first;
  }
};

/// Hands the parts between separators to `use`, until one is at fault.
template <class Use>
fault for_each(piece all, char separator, Use use) {
  for (bool last = false; !last;) {
    const piece one = all.next(separator, last);
    if (auto wrong = use(one)) return wrong;
  }
  return {};
}

/// Decimal digits alone, and small enough.
template <class Number>
std::optional<Number> number_of(std::string_view text) noexcept {
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return {};
  Number number{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return {};
  return number;
}

inline fault read_number(piece text, std::uint32_t& into) noexcept {
  const auto number = number_of<std::uint32_t>(text.text);
  if (!number) return text.error("not a number below 2^32");
  into = *number;
  return {};
}

inline fault read_size(piece text, std::uint64_t& into) noexcept {
  std::string_view number = text.text;
  unsigned shift = 0;
  if (!number.empty()) {
    constexpr std::string_view units = "KMGT";
    if (const auto unit = units.find(number.back()); unit != units.npos) {
      shift = 10 * (static_cast<unsigned>(unit) + 1);
      number.remove_suffix(1);
    }
  }
  const auto value = number_of<std::uint64_t>(number);
  if (!value) return text.error("not a size: a number below 2^64, and perhaps K, M, G or T");
  if (*value > (std::numeric_limits<std::uint64_t>::max() >> shift)) return text.error("a size of 2^64 bytes or more");
  into = *value << shift;
  return {};
}

inline int hexadecimal(char digit) noexcept {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

/// Whether a name may hold NUL bytes: those of abstract sockets may.
enum class nul : unsigned char { allowed, refused };

/// Reads printable ASCII, in which other bytes, and backslashes, are spelled \xNN. Throws std::bad_alloc.
inline fault read_escaped(piece text, nul zeros, std::string& into) {
  std::string bytes;
  for (std::size_t i = 0; i != text.text.size(); ++i) {
    const char c = text.text[i];
    if (c != '\\') {
      if (escaped_byte{c}.view().size() != 1) return text.error("not printable ASCII: spell it \\xNN", i);
      bytes += c;
      continue;
    }
    const std::string_view escape = text.text.substr(i, 4);
    if (escape.size() != 4 || escape[1] != 'x' || hexadecimal(escape[2]) < 0 || hexadecimal(escape[3]) < 0) {
      return text.error("a backslash begins \\xNN, with two hexadecimal digits", i);
    }
    const char byte = static_cast<char>(hexadecimal(escape[2]) * 16 + hexadecimal(escape[3]));
    if (byte == '\0' && zeros == nul::refused) return text.error("a path has no NUL", i);
    bytes += byte;
    i += 3;
  }
  into = std::move(bytes);
  return {};
}

}  // namespace scm::inline v0_1::detail
