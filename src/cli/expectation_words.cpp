#include "cli/expectation_words.hpp"

#include "cli/failure.hpp"

#include <scm/inspect/expectation_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace scm::cli {

std::string expectation_fault(const std::string& text) {
  const auto parsed = parse_expectation(text);
  if (parsed) return {};
  const std::string_view rest = std::string_view{text}.substr(std::min(parsed.error().offset, text.size()));
  return fmt::format("{}, at character {}: {}", parsed.error().what, parsed.error().offset + 1,
                     rest.empty() ? "the end" : shown(rest));
}

}  // namespace scm::cli
