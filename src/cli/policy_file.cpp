#include "cli/policy_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace scm::cli {
namespace {

/// One byte more than a policy may have, at most: enough to see that it is too long.
outcome<std::string> read_text(const std::string& path) {
  const owned_fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return failed(step::open, "read the policy " + shown(path), os_code(errno));
  std::string text;
  std::array<char, 4096> block;
  while (text.size() <= policy_text_bytes) {
    const ssize_t size = ::read(file.native_handle(), block.data(), block.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed(step::open, "read the policy " + shown(path), os_code(errno));
    if (size == 0) break;
    text.append(block.data(), static_cast<std::size_t>(size));
  }
  return text;
}

}  // namespace

std::string pointed_at(std::string_view text, const policy_error& place) {
  // What a terminal shows of a line that is wider than most.
  constexpr std::size_t width = 100;
  if (place.line == 0) return {};
  const std::size_t begin = place.offset - (place.column - 1);
  const std::string_view line = text.substr(begin, text.substr(begin).find('\n'));
  // A tab is as wide as one blank here, so that the caret stands where it should.
  std::string tabless{line};
  std::ranges::replace(tabless, '\t', ' ');
  const std::size_t before = std::min(place.column - 1, tabless.size());
  const std::size_t from = before > width / 2 ? before - width / 2 : 0;
  const std::string left = shown(std::string_view{tabless}.substr(from, before - from));
  const std::string right = shown(std::string_view{tabless}.substr(before, width / 2));
  return fmt::format("  {}{}\n  {}^", left, right, std::string(left.size(), ' '));
}

result<policy, policy_fault> read_policy(const std::string& path) {
  const auto text = read_text(path);
  if (!text) return std::unexpected{policy_fault{text.error().text}};
  auto parsed = parse_policy(*text);
  if (parsed) return std::move(*parsed);
  const auto& place = parsed.error();
  if (place.line == 0) return std::unexpected{policy_fault{fmt::format("{}: {}", shown(path), place.what)}};
  return std::unexpected{policy_fault{
      fmt::format("{}:{}:{}: {}\n{}", shown(path), place.line, place.column, place.what, pointed_at(*text, place)),
      place}};
}

}  // namespace scm::cli
