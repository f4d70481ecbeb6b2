#include "inspect/words.hpp"

#include <scm/inspect/admission.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

namespace scm::inline v0_1 {
namespace {

/// Text into fixed room; what does not fit is left out.
class writer {
 public:
  explicit writer(std::span<char> room) noexcept : room_{room} {}

  template <class... Parts>
  void print(fmt::format_string<const Parts&...> format, const Parts&... parts) {
    const auto left = room_.subspan(size_);
    size_ += std::min(fmt::format_to_n(left.data(), left.size(), format, parts...).size, left.size());
  }
  /// The words of the bits that are set, with `between` between two of them, and what has no word as a number.
  template <class Words>
  void list(std::uint64_t bits, std::string_view between, const Words& word_of_bit) {
    bool first = true;
    for (; bits != 0; bits &= bits - 1) {
      const std::string_view word = word_of_bit(static_cast<unsigned>(std::countr_zero(bits)));
      print("{}", std::exchange(first, false) ? "" : between);
      if (word.empty()) {
        print("{:#x}", bits & -bits);
      } else {
        print("{}", word);
      }
    }
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  std::span<char> room_;
  std::size_t size_ = 0;
};

std::string_view kind_word(unsigned bit) noexcept { return name_of(static_cast<descriptor_kind>(bit)); }
std::string_view access_word(unsigned bit) noexcept {
  return detail::word_of(detail::access_words, static_cast<access_mode>(bit));
}
std::string_view flag_word(unsigned bit) noexcept {
  return bit < detail::flag_words.size() ? detail::flag_words[bit].text : std::string_view{};
}
std::string_view seal_word(unsigned bit) noexcept {
  return bit < 32 ? detail::word_of(detail::seal_words, static_cast<seal>(1U << bit)) : std::string_view{};
}

template <class Words>
void print_number_of(writer& to, const Words& words, std::uint64_t number) {
  const std::string_view word = detail::word_of(words, static_cast<int>(number));
  if (word.empty()) return to.print("number {}", number);
  to.print("{}", word);
}

void print_kind(writer& to, const refusal& why) {
  to.print("is {}", name_of(static_cast<descriptor_kind>(why.found)));
  if (why.wanted == 0) return to.print(", which is only admitted by its name");
  to.print(", not ");
  to.list(why.wanted, " or ", kind_word);
}

void print_seals(writer& to, const refusal& why) {
  to.print("lacks the seals ");
  to.list(why.wanted & ~why.found, "+", seal_word);
}

void print_device(writer& to, std::uint64_t number) { to.print("{}:{}", number >> 32, number & 0xffffffff); }

void print_what(writer& to, const refusal& why) {
  switch (why.what) {
    case mismatch::missing:
      return to.print("is missing: {} came, and {} {} needed", why.found, why.wanted, why.wanted == 1 ? "is" : "are");
    case mismatch::surplus:
      return to.print("is one too many: {} came, and {} {} allowed", why.found, why.wanted,
                      why.wanted == 1 ? "is" : "are");
    case mismatch::not_examined:
      // A static text of the C library, where a category's message would be a string.
      return to.print("could not be used: {}", ::strerrordesc_np(why.code.value()));
    case mismatch::kind:
      return print_kind(to, why);
    case mismatch::access:
      to.print("allows {}, not ", access_word(static_cast<unsigned>(why.found)));
      return to.list(why.wanted, " or ", access_word);
    case mismatch::flags_missing:
      to.print("lacks the flags ");
      return to.list(why.wanted, "+", flag_word);
    case mismatch::flags_present:
      to.print("has the flags ");
      return to.list(why.wanted, "+", flag_word);
    case mismatch::seals:
      return print_seals(to, why);
    case mismatch::size_below:
      return to.print("has {} bytes, fewer than {}", why.found, why.wanted);
    case mismatch::size_above:
      return to.print("has {} bytes, more than {}", why.found, why.wanted);
    case mismatch::no_size:
      return to.print("has no size");
    case mismatch::device:
      if (why.found == 0) {
        to.print("is no device, not ");
      } else {
        to.print("is device ");
        print_device(to, why.found);
        to.print(", not ");
      }
      return print_device(to, why.wanted);
    case mismatch::no_socket:
      return to.print("is no socket");
    case mismatch::socket_family:
      to.print("is a socket of family ");
      print_number_of(to, detail::family_words, why.found);
      to.print(", not ");
      return print_number_of(to, detail::family_words, why.wanted);
    case mismatch::socket_type:
      to.print("is a socket of type ");
      print_number_of(to, detail::type_words, why.found);
      to.print(", not ");
      return print_number_of(to, detail::type_words, why.wanted);
    case mismatch::not_listening:
      return to.print("is a socket that does not listen");
    case mismatch::listening:
      return to.print("is a socket that listens");
    case mismatch::another_object:
      return to.print("is another object: inode {}, not {}", why.found, why.wanted);
    case mismatch::place:
      return to.print("lies elsewhere than was agreed");
  }
}

}  // namespace

// NOLINTNEXTLINE(bugprone-exception-escape): numbers and words formatted into a buffer do not throw
refusal_text refusal::text() const noexcept {
  refusal_text out;
  writer to{out.chars_};
  to.print("descriptor {} ", position);
  print_what(to, *this);
  out.size_ = to.size();
  return out;
}

// NOLINTNEXTLINE(bugprone-exception-escape): as above
refusal_text refusal::detail() const noexcept {
  refusal_text out;
  writer to{out.chars_};
  print_what(to, *this);
  out.size_ = to.size();
  return out;
}

}  // namespace scm::inline v0_1
