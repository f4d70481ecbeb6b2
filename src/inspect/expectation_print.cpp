#include "core/escape.hpp"
#include "inspect/words.hpp"

#include <scm/inspect/expectation_text.hpp>

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <string>
#include <utility>

namespace scm::inline v0_1 {
namespace {

/// Writes rules. Throws std::bad_alloc.
class printer {
 public:
  template <class... Parts>
  void rule(fmt::format_string<const Parts&...> format, const Parts&... parts) {
    if (!text_.empty()) text_ += ',';
    fmt::format_to(std::back_inserter(text_), format, parts...);
  }
  /// A rule of those words whose values are contained; none when there are none.
  template <class Words, class Contains>
  void list(std::string_view name, const Words& words, char between, Contains contains) {
    bool first = true;
    for (const auto& [text, value] : words) {
      if (!contains(value)) continue;
      if (first) {
        rule("{}{}", name, text);
      } else {
        fmt::format_to(std::back_inserter(text_), "{}{}", between, text);
      }
      first = false;
    }
  }
  std::string take() noexcept { return std::move(text_); }

 private:
  std::string text_;
};

void print_kinds(printer& to, kind_set kinds) {
  if (kinds == any_kind) return to.rule("any");
  std::array<detail::word<descriptor_kind>, static_cast<std::size_t>(descriptor_kind::anonymous) + 1> words;
  for (std::size_t i = 0; i != words.size(); ++i) {
    const auto kind = static_cast<descriptor_kind>(i);
    words[i] = {name_of(kind), kind};
  }
  to.list("", words, '/', [&](descriptor_kind kind) { return kinds.contains(kind); });
}

template <class Words>
void print_word(printer& to, std::string_view name, const Words& words, int value) {
  const auto word = detail::word_of(words, value);
  if (word.empty()) return to.rule("{}{}", name, value);
  to.rule("{}{}", name, word);
}

std::string text_of_path(std::string_view path) {
  std::string out;
  for (const char c : path) out += c == ',' ? std::string_view{"\\x2c"} : detail::escaped_byte{c}.view();
  return out;
}

std::string print(const expectation& expected) {
  printer to;
  if (!expected.kinds.empty()) print_kinds(to, expected.kinds);
  to.list("access=", detail::access_words, '/', [&](access_mode mode) { return expected.access.contains(mode); });
  to.list("flags=", detail::flag_words, '+', [&](auto flag) { return expected.required_flags.*flag; });
  to.list("flags!=", detail::flag_words, '+', [&](auto flag) { return expected.forbidden_flags.*flag; });
  to.list("seals=", detail::seal_words, '+', [&](seal one) { return expected.seals.contains(one); });
  if (expected.size) {
    const auto [least, most] = *expected.size;
    if (least == most) {
      to.rule("size={}", least);
    } else {
      to.rule("size>={}", least);
      if (most != size_range{}.most) to.rule("size<={}", most);
    }
  }
  if (expected.device) to.rule("device={}:{}", expected.device->major, expected.device->minor);
  if (expected.socket_family) print_word(to, "family=", detail::family_words, *expected.socket_family);
  if (expected.socket_type) print_word(to, "type=", detail::type_words, *expected.socket_type);
  if (expected.listening) to.rule("listening={}", *expected.listening ? "yes" : "no");
  if (const auto& same = expected.same_as) {
    to.rule("inode={}:{}:{}", same->device.major, same->device.minor, same->inode);
  }
  if (!expected.below.empty()) to.rule("below={}", text_of_path(expected.below));
  return to.take();
}

std::unexpected<std::error_code> no_memory() noexcept {
  return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
}

}  // namespace

result<std::string> text_of(const expectation& expected) noexcept {
  try {
    std::string text = print(expected);
    const auto back = parse_expectation(text);
    if (!back && back.error().code == std::errc::not_enough_memory) return no_memory();
    if (!back || *back != expected) return std::unexpected{make_error_code(errc::malformed)};
    return text;
  } catch (...) {
    return no_memory();
  }
}

}  // namespace scm::inline v0_1
