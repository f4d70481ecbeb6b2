/// What a client asks, taken apart: bytes in, words out.
#pragma once

#include "bounds.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace privsep {

struct request {
  std::string_view tag, name;
};

/// "get TAG NAME"; the words are printable ASCII, with one space between two of them. Nothing for anything else.
[[nodiscard]] constexpr std::optional<request> parse_request(std::string_view text) noexcept {
  constexpr std::string_view verb = "get ";
  if (std::ranges::any_of(text, [](char c) { return c < ' ' || c > '~'; })) return {};
  if (!text.starts_with(verb)) return {};
  text.remove_prefix(verb.size());
  const auto space = text.find(' ');
  if (space == text.npos || space == 0 || space > bounds::tag_bytes) return {};
  const request found{text.substr(0, space), text.substr(space + 1)};
  if (found.name.empty() || found.name.contains(' ')) return {};
  return found;
}

static_assert(parse_request("get 7 motd")->name == "motd");
static_assert(!parse_request("get 7") && !parse_request("get  motd") && !parse_request("get 7 a b"));

}  // namespace privsep
