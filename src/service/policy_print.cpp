#include "core/escape.hpp"
#include "service/policy_words.hpp"

#include <scm/inspect/expectation_text.hpp>
#include <scm/service/policy_text.hpp>

#include <fmt/format.h>

#include <iterator>
#include <new>

namespace scm::inline v0_1 {
namespace {

// Throws std::bad_alloc, as all that follow.
std::string outcome_text(const policy_outcome& outcome) {
  std::string out{detail::word_of(detail::action_words, outcome.what)};
  if (outcome.what == policy_action::deny && outcome.error != policy_outcome{}.error) {
    const auto name = detail::name_of_error(outcome.error);
    out += name.empty() ? fmt::format("={}", outcome.error) : fmt::format("={}", name);
  }
  return out;
}

std::string placement_text(const policy_outcome& outcome) {
  return fmt::format("{}{}", outcome.close_on_exec ? " cloexec" : "", outcome.scattered ? " scattered" : "");
}

// A blank would end the word; a star at its end would mean that it goes on.
std::string name_text(std::string_view name, bool begins) {
  std::string out;
  for (std::size_t i = 0; i != name.size(); ++i) {
    const bool star = name[i] == '*' && i + 1 == name.size();
    out += name[i] == ' ' ? "\\x20" : star ? "\\x2a" : detail::escaped_byte{name[i]}.view();
  }
  if (begins) out += '*';
  return out;
}

std::string address_text_of(const address_pattern& pattern) {
  if (pattern.form == address::form::unnamed) return "unnamed";
  const bool abstract = pattern.form == address::form::abstract;
  return (abstract ? "@" : "") + name_text(pattern.name, pattern.begins);
}

template <class Words>
std::string words_text(const Words& words, const std::vector<int>& values) {
  std::string out;
  for (const int value : values) {
    if (!out.empty()) out += '/';
    const auto word = detail::word_of(words, value);
    out += word.empty() ? fmt::format("{}", value) : std::string{word};
  }
  return out;
}

std::string range_text(std::string_view name, const size_range& range) {
  if (range.least == range.most) return fmt::format(" {}={}", name, range.least);
  std::string out;
  if (range.least != 0) out += fmt::format(" {}>={}", name, range.least);
  if (range.most != size_range{}.most) out += fmt::format(" {}<={}", name, range.most);
  return out.empty() ? fmt::format(" {}>=0", name) : out;
}

// Rules have a blank or a semicolon in a path alone, where both may be spelled \xNN.
std::string rules_text(const std::vector<expectation>& descriptors) {
  std::string out;
  for (const auto& one : descriptors) {
    const auto rules = text_of(one);
    if (!rules && rules.error() == std::errc::not_enough_memory) throw std::bad_alloc{};
    if (!out.empty()) out += ';';
    for (const char c : rules.value_or("?")) out += c == ' ' ? "\\x20" : c == ';' ? "\\x3b" : std::string{c};
  }
  return out;
}

std::string rule_text(const policy_rule& rule) {
  std::string out = outcome_text(rule.outcome);
  out += fmt::format(" {}", detail::word_of(detail::direction_words, rule.direction));
  const auto add = [&](std::string_view name, const std::string& value) { out += fmt::format(" {}={}", name, value); };
  if (!rule.program.empty()) add("program", name_text(rule.program, rule.program_begins));
  if (rule.peer) add("peer", address_text_of(*rule.peer));
  if (rule.local) add("local", address_text_of(*rule.local));
  if (rule.peer_uid) add("peer-uid", fmt::format("{}", *rule.peer_uid));
  if (rule.peer_gid) add("peer-gid", fmt::format("{}", *rule.peer_gid));
  if (!rule.families.empty()) add("family", words_text(detail::family_words, rule.families));
  if (!rule.types.empty()) add("type", words_text(detail::type_words, rule.types));
  if (rule.no_descriptors) add("fds", "none");
  if (!rule.descriptors.empty()) add("fds", rules_text(rule.descriptors));
  if (rule.count) out += range_text("count", *rule.count);
  if (rule.bytes) out += range_text("bytes", *rule.bytes);
  if (rule.out_of_band) add("oob", *rule.out_of_band ? "yes" : "no");
  return out + placement_text(rule.outcome);
}

std::unexpected<std::error_code> no_memory() noexcept {
  return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
}

}  // namespace

result<std::string> text_of(const policy_outcome& outcome) noexcept {
  try {
    return outcome_text(outcome) + placement_text(outcome);
  } catch (...) {
    return no_memory();
  }
}

result<std::string> text_of(const policy& written) noexcept {
  try {
    std::string text =
        fmt::format("policy 1\ndefault {}{}\n", outcome_text(written.otherwise), placement_text(written.otherwise));
    for (const auto& rule : written.rules) text += rule_text(rule) + '\n';
    const auto back = parse_policy(text);
    if (!back && back.error().code == std::errc::not_enough_memory) return no_memory();
    if (!back || *back != written) return std::unexpected{make_error_code(errc::malformed)};
    return text;
  } catch (...) {
    return no_memory();
  }
}

}  // namespace scm::inline v0_1
