#include "service/control_commands.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace scm::inline v0_1 {
namespace detail {
namespace {

constexpr std::string_view blanks = " \t";

constexpr bool is_control(char c) noexcept { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

/// Bytes that are no UTF-8 are replaced: the answer is JSON whatever the client sent.
std::string json_text(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// The statistics by their names, in one place for both commands.
using named_figure = std::pair<const char*, std::uint64_t>;
std::array<named_figure, 15> figures(const control_statistics& now) noexcept {
  return {{{"connections", now.connections},
           {"unauthenticated", now.unauthenticated},
           {"uids", now.uids},
           {"accepted", now.accepted},
           {"refused", now.refused},
           {"lines", now.lines},
           {"errors", now.errors},
           {"not_authentic", now.not_authentic},
           {"over_limit", now.over_limit},
           {"ambiguous", now.ambiguous},
           {"lost", now.lost},
           {"slow", now.slow},
           {"late", now.late},
           {"descriptors_in", now.descriptors_in},
           {"descriptors_out", now.descriptors_out}}};
}

}  // namespace

bool split_words(std::string_view line, std::vector<std::string_view>& words) {
  words.clear();
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (std::ranges::any_of(line, is_control)) return false;
  for (std::size_t at = line.find_first_not_of(blanks); at != line.npos; at = line.find_first_not_of(blanks, at)) {
    const std::size_t end = std::min(line.find_first_of(blanks, at), line.size());
    words.push_back(line.substr(at, end - at));
    at = end;
  }
  return true;
}

bool is_word(std::string_view text) noexcept {
  return !text.empty() && std::ranges::none_of(text, [](char c) { return is_control(c) || blanks.contains(c); });
}

bool is_own_command(std::string_view name) noexcept {
  static constexpr std::array own{"ping", "version", "prompt", "stat", "stats", "quit", "exit"};
  return std::ranges::find(own, name) != own.end();
}

std::optional<control_mode> mode_asked(std::span<const std::string_view> words, control_mode now) noexcept {
  if (words.size() == 1) return now == control_mode::prompt ? control_mode::interactive : control_mode::prompt;
  if (words.size() != 2) return {};
  if (words[1] == "n") return control_mode::non_interactive;
  if (words[1] == "i") return control_mode::interactive;
  if (words[1] == "p") return control_mode::prompt;
  return {};
}

std::string error_text(int number, std::string_view message) {
  return json_text(nlohmann::ordered_json{{"err", number}, {"msg", message}});
}

std::string version_text(const control_options& options) {
  return json_text(nlohmann::ordered_json{{"major", options.version_major}, {"minor", options.version_minor}});
}

std::string stat_text(const control_statistics& now) {
  nlohmann::ordered_json all;
  for (const auto& [name, value] : figures(now)) all[name] = value;
  return json_text(all);
}

std::string stats_text(const control_statistics& now) {
  std::string text;
  for (const auto& [name, value] : figures(now)) {
    std::string words = name;
    std::ranges::replace(words, '_', ' ');
    fmt::format_to(std::back_inserter(text), "{}{:<16} {}", text.empty() ? "" : "\n", words, value);
  }
  return text;
}

}  // namespace detail

control_answer control_answer::error(int number, std::string_view message) {
  return {.text = detail::error_text(number, message)};
}

}  // namespace scm::inline v0_1
