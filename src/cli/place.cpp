#include "cli/place.hpp"

#include "cli/failure.hpp"

#include <charconv>
#include <string_view>

namespace scm::cli {
namespace {

constexpr std::string_view inherited_prefix = "fd:";

std::optional<socket_type> type_named(std::string_view name) noexcept {
  if (name == "stream") return socket_type::stream;
  if (name == "dgram") return socket_type::datagram;
  if (name == "seqpacket") return socket_type::seqpacket;
  return {};
}

/// Why it is no ADDRESS; empty for one that is.
std::string address_fault(const std::string& text) {
  if (text.starts_with(inherited_prefix)) {
    if (parse_number(std::string_view{text}.substr(inherited_prefix.size()))) return {};
    return "not the number of a descriptor: " + shown(text) + " (a path that begins with fd: is spelled ./fd:)";
  }
  const auto parsed = address::parse(text);
  return parsed ? std::string{} : parsed.error().message() + ": '" + shown(text) + "'";
}

}  // namespace

std::optional<int> parse_number(std::string_view text) noexcept {
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return {};
  int value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{}) return {};
  return value;
}

void add_address(CLI::App& command, std::string& address) {
  command.add_option("ADDRESS", address, "Where, see below")
      ->type_name("")
      ->required()
      ->check([](const std::string& text) { return address_fault(text); });
}

place place_of(const std::string& spelled) {
  place out{.spelled = shown(spelled), .where = borrowed_fd{-1}, .type = {}};
  if (spelled.starts_with(inherited_prefix)) {
    out.where = borrowed_fd{parse_number(std::string_view{spelled}.substr(inherited_prefix.size())).value_or(-1)};
  } else if (auto named = address::parse(spelled)) {
    out.where = *named;
  }
  return out;
}

void place_options::add_to(CLI::App& command, const std::string& listen_help) {
  add_address(command, address);
  command.add_option("--type", type, "Type of the socket: seqpacket (the default), stream or dgram")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"seqpacket", "stream", "dgram"}));
  command.add_flag("--listen", listen, listen_help);
  command.add_flag("--replace", replace, "When listening: replace a socket file that nobody listens at any more");
}

place place_options::parsed() const {
  place out = place_of(address);
  out.type = type_named(type);
  out.listen = listen;
  out.replace = replace;
  return out;
}

}  // namespace scm::cli
