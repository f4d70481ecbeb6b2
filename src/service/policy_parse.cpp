#include "service/policy_rule_reader.hpp"

#include <scm/service/policy_text.hpp>

#include <algorithm>
#include <utility>

namespace scm::inline v0_1 {
namespace {

using detail::fault;
using detail::piece;
using detail::rule_reader;

constexpr std::string_view blanks = " \t";

class reader {
 public:
  fault read(std::string_view text) {
    piece rest{text};
    for (bool last = false; !last;) {
      ++line_;
      piece line = rest.next('\n', last);
      if (auto wrong = cut_comment(line)) return wrong;
      if (auto wrong = read_line(line)) return wrong;
    }
    if (state_ == state::version) return rest.error("the first line is missing: policy 1");
    if (state_ == state::otherwise) return rest.error("the second line is missing: default deny, or another action");
    return {};
  }

  policy out;

 private:
  static fault cut_comment(piece& line) noexcept {
    const std::string_view text = line.text;
    std::size_t end = text.size();
    for (std::size_t i = 0; i != text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (end == text.size() && byte == '#' && (i == 0 || blanks.find(text[i - 1]) != blanks.npos)) end = i;
      const bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
      if (control || (end == text.size() && byte >= 0x80)) return line.error("not printable ASCII", i);
    }
    line.text = text.substr(0, end);
    return {};
  }

  /// The next word; empty at the end of the line.
  static piece next_word(piece& line) noexcept {
    const auto begin = std::min(line.text.find_first_not_of(blanks), line.text.size());
    line = line.from(begin);
    const auto size = std::min(line.text.find_first_of(blanks), line.text.size());
    const piece word{line.text.substr(0, size), line.offset};
    line = line.from(size);
    return word;
  }

  fault read_line(piece line) {
    const piece first = next_word(line);
    if (first.text.empty()) return {};
    switch (std::exchange(state_, std::min(state::rules, static_cast<state>(static_cast<int>(state_) + 1)))) {
      case state::version:
        return read_version(first, line);
      case state::otherwise:
        return read_default(first, line);
      case state::rules:
        break;
    }
    return read_rule(first, line);
  }

  static fault read_version(piece first, piece line) noexcept {
    if (first.text != "policy") return first.error("the first line is: policy 1");
    const piece version = next_word(line);
    if (version.text != "1") return version.error("not a version that is known: policy 1");
    const piece more = next_word(line);
    if (!more.text.empty()) return more.error("nothing follows here");
    return {};
  }

  fault read_default(piece first, piece line) {
    if (first.text != "default") return first.error("the second line says what no rule does: default deny");
    rule_reader reading{{}, line_};
    if (auto wrong = detail::read_outcome(next_word(line), reading.out.outcome)) return wrong;
    for (piece word = next_word(line); !word.text.empty(); word = next_word(line)) {
      if (auto wrong = reading.read_placement(word)) return wrong;
    }
    out.otherwise = reading.out.outcome;
    out.otherwise_line = line_;
    return {};
  }

  fault read_rule(piece first, piece line) {
    if (first.text == "default") return first.error("the default was said before");
    if (out.rules.size() == policy_rules) return first.error("more rules than a policy may have");
    policy_outcome outcome;
    if (auto wrong = detail::read_outcome(first, outcome)) return wrong;
    rule_reader reading{outcome, line_};
    if (auto wrong = reading.read_direction(next_word(line))) return wrong;
    for (piece word = next_word(line); !word.text.empty(); word = next_word(line)) {
      if (auto wrong = reading.read_word(word)) return wrong;
    }
    const unsigned ways = ways_of(reading.out.direction);
    if ((ways & ~taken_) == 0) return first.error("no message comes this far: a rule above takes them all");
    if (reading.takes_all()) taken_ |= ways;
    out.rules.push_back(std::move(reading.out));
    return {};
  }

  static unsigned ways_of(policy_direction direction) noexcept {
    return direction == policy_direction::any ? 3 : direction == policy_direction::send ? 1 : 2;
  }

  enum class state : unsigned char { version, otherwise, rules };
  state state_ = state::version;
  std::size_t line_ = 0;
  unsigned taken_ = 0;
};

policy_error placed(const rule_error& wrong, std::string_view text) noexcept {
  const std::string_view before = text.substr(0, wrong.offset);
  const auto newline = before.rfind('\n');
  return {.line = static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1,
          .column = newline == before.npos ? before.size() + 1 : before.size() - newline,
          .offset = wrong.offset,
          .what = wrong.what,
          .code = wrong.code};
}

}  // namespace

result<policy, policy_error> parse_policy(std::string_view text) noexcept {
  try {
    if (text.size() > policy_text_bytes) {
      return std::unexpected{placed({policy_text_bytes, "a policy is no longer than 64 KiB"}, text)};
    }
    reader reading;
    if (const auto wrong = reading.read(text)) return std::unexpected{placed(*wrong, text)};
    return std::move(reading.out);
  } catch (...) {
    return std::unexpected{
        policy_error{.what = "out of memory", .code = make_error_code(std::errc::not_enough_memory)}};
  }
}

}  // namespace scm::inline v0_1
