/// The text of /proc/PID/fdinfo/N (proc(5)), taken apart.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace scm::inline v0_1::detail {

/// What stands behind "NAME:" at the beginning of a line, without the blanks before it. A last line without its newline
/// has been cut and does not count.
[[nodiscard]] constexpr std::optional<std::string_view> fdinfo_field(std::string_view text,
                                                                     std::string_view name) noexcept {
  for (std::size_t end; (end = text.find('\n')) != text.npos; text.remove_prefix(end + 1)) {
    std::string_view line = text.substr(0, end);
    if (!line.starts_with(name) || !line.substr(name.size()).starts_with(':')) continue;
    line.remove_prefix(name.size() + 1);
    const std::size_t first = line.find_first_not_of(" \t");
    return first == line.npos ? std::string_view{} : line.substr(first);
  }
  return {};
}

/// The number in such a field, which must be all of it and fit the type.
template <class Number>
[[nodiscard]] std::optional<Number> fdinfo_number(std::string_view text, std::string_view name,
                                                  int base = 10) noexcept {
  const auto field = fdinfo_field(text, name);
  if (!field) return {};
  Number value{};
  const char* const begin = field->data();
  const char* const end = begin + field->size();
  const auto [stop, error] = std::from_chars(begin, end, value, base);
  if (error != std::errc{} || stop != end) return {};
  return value;
}

}  // namespace scm::inline v0_1::detail
