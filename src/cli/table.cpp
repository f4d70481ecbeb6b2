#include "cli/table.hpp"

#include "cli/bounds.hpp"

#include <fmt/color.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string_view>

namespace scm::cli {
namespace {

fmt::text_style style_of(tint colour) {
  switch (colour) {
    case tint::faint:
      return fmt::emphasis::faint;
    case tint::bold:
      return fmt::emphasis::bold;
    case tint::good:
      return fmt::fg(fmt::terminal_color::green);
    case tint::notable:
      return fmt::fg(fmt::terminal_color::yellow) | fmt::emphasis::bold;
    case tint::name:
      return fmt::fg(fmt::terminal_color::cyan);
    case tint::plain:
      break;
  }
  return {};
}

}  // namespace

bool colours_wanted() noexcept {
  const auto value = [](const char* name) {
    const char* const found = std::getenv(name);
    return std::string_view{found == nullptr ? "" : found};
  };
  return value("NO_COLOR").empty() && value("TERM") != "dumb" && ::isatty(STDOUT_FILENO) == 1;
}

std::string table::text(bool coloured) const {
  std::vector<std::size_t> widths;
  std::vector<cell> titles;
  for (const column& one : columns_) {
    widths.push_back(one.title.size());
    titles.push_back({one.title, tint::bold});
  }
  for (const auto& line : lines_) {
    for (std::size_t i = 0; i != widths.size(); ++i) {
      widths[i] = std::max(widths[i], std::min(line[i].text.size(), bounds::column_width));
    }
  }
  std::string out;
  const auto put = [&](const std::vector<cell>& line) {
    std::size_t owed = 0;  // blanks, which the end of a line has none of
    for (std::size_t i = 0; i != widths.size(); ++i) {
      const auto& [text, colour] = line[i];
      const std::size_t left = widths[i] - std::min(widths[i], text.size());
      out.append(owed + (columns_[i].number ? left : 0), ' ');
      if (coloured && colour != tint::plain) {
        fmt::format_to(std::back_inserter(out), style_of(colour), "{}", text);
      } else {
        out += text;
      }
      owed = 1 + (columns_[i].number ? 0 : left);
    }
    out += '\n';
  };
  put(titles);
  for (const auto& line : lines_) put(line);
  return out;
}

}  // namespace scm::cli
