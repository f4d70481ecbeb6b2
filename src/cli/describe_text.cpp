#include "cli/describe_text.hpp"

#include "cli/failure.hpp"
#include "cli/json_bytes.hpp"
#include "inspect/words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

namespace scm::cli {
namespace {

using nlohmann::json;
using word_list = std::vector<std::string_view>;

constexpr auto line_format = "{:<9} {:<16} {:<6} {:<16} {:>9} {:>9} {:<20} {}";

std::string_view access_name(access_mode access) {
  switch (access) {
    case access_mode::read:
      return "read";
    case access_mode::write:
      return "write";
    case access_mode::read_write:
      return "read_write";
    case access_mode::none:
      break;
  }
  return "none";
}

std::string_view access_letters(access_mode access) {
  return access == access_mode::none ? "-" : detail::word_of(detail::access_words, access);
}

word_list flag_names(status_flags flags) {
  if (flags.sync) flags.dsync = false;  // contained in it
  word_list out;
  for (const auto& [text, flag] : detail::flag_words) {
    if (flags.*flag) out.push_back(text);
  }
  return out;
}

std::vector<std::string> seal_names(seal_set seals) {
  std::vector<std::string> out;
  for (const auto& [text, one] : detail::seal_words) {
    if (seals.contains(one)) out.emplace_back(text);
    seals.bits &= ~static_cast<unsigned>(one);
  }
  if (!seals.empty()) out.push_back(fmt::format("{:#x}", seals.bits));
  return out;
}

// The field's word for a number of <sys/socket.h>, or the number.
template <class Words>
std::string socket_word(const Words& words, std::string_view what, int number) {
  const auto word = detail::word_of(words, number);
  return word.empty() ? fmt::format("{}-{}", what, number) : std::string{word};
}
std::string family_name(int family) { return socket_word(detail::family_words, "family", family); }
std::string type_name(int type) { return socket_word(detail::type_words, "type", type); }

std::string socket_details(const socket_description& socket) {
  std::string out = family_name(socket.family) + ' ' + type_name(socket.type);
  if (socket.protocol != 0) out += fmt::format(" protocol {}", socket.protocol);
  if (socket.listening) out += " listening";
  const auto local = text_of(socket.local);
  const auto peer = text_of(socket.peer);
  if (!local.view().empty()) out += fmt::format(" {}", local.view());
  if (!peer.view().empty()) out += fmt::format(" -> {}", peer.view());
  return out;
}

std::string details(const description& what) {
  std::vector<std::string> parts;
  if (what.target) parts.push_back(fmt::format("to {}", name_of(*what.target)));
  if (what.device) parts.push_back(fmt::format("{}:{}", what.device->major, what.device->minor));
  if (what.socket) parts.push_back(socket_details(*what.socket));
  if (what.counter) parts.push_back(fmt::format("count {}", *what.counter));
  if (what.process) parts.push_back(*what.process < 0 ? "process gone" : fmt::format("process {}", *what.process));
  // Both ends of a pipe have its inode: the number pairs them.
  if (what.kind == descriptor_kind::pipe && what.path.empty()) {
    parts.push_back(fmt::format("inode {}", what.identity.inode));
  }
  if (what.deleted) parts.push_back("deleted");
  if (!what.path.empty()) parts.push_back(shown(what.path));
  if (!what.name.empty() && what.name != name_of(what.kind)) parts.push_back(shown(what.name));
  return fmt::format("{}", fmt::join(parts, " "));
}

void put_name(json& record, const char* key, const std::string& bytes) {
  if (bytes.empty()) return;
  put_bytes(record, key, bytes);
}

json end_record(const socket_name& name) {
  const auto text = text_of(name);
  return text.view().empty() ? json{} : json(text.view());
}

std::string number_text(const device_number& number) { return fmt::format("{}:{}", number.major, number.minor); }

}  // namespace

std::string description_title() {
  return fmt::format(line_format, "FD", "KIND", "ACCESS", "FLAGS", "SIZE", "OFFSET", "SEALS", "DETAILS");
}

std::string description_line(std::string_view label, const description& what) {
  word_list flags = flag_names(what.flags);
  if (what.close_on_exec) flags.push_back("cloexec");
  const auto number = [](const auto& value) { return value ? fmt::format("{}", *value) : std::string{"-"}; };
  const auto list = [](const auto& words) {
    return words.empty() ? std::string{"-"} : fmt::format("{}", fmt::join(words, ","));
  };
  const std::string seals = what.seals ? list(seal_names(*what.seals)) : "-";
  std::string line = fmt::format(line_format, label, name_of(what.kind), access_letters(what.access), list(flags),
                                 number(what.size), number(what.offset), seals, details(what));
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string description_summary(const description& what) {
  std::string out{name_of(what.kind)};
  if (what.access != access_mode::none) out += fmt::format(" {}", access_letters(what.access));
  if (what.size) out += fmt::format(" {} byte{}", *what.size, *what.size == 1 ? "" : "s");
  if (what.seals && !what.seals->empty()) out += fmt::format(" sealed {}", fmt::join(seal_names(*what.seals), ","));
  const std::string more = details(what);
  return more.empty() ? out : out + ' ' + more;
}

json description_record(const description& what) {
  json out;
  out["kind"] = name_of(what.kind);
  if (what.target) out["target"] = name_of(*what.target);
  out["file_system"] = number_text(what.identity.device);
  out["inode"] = what.identity.inode;
  out["access"] = access_name(what.access);
  out["flags"] = flag_names(what.flags);
  out["close_on_exec"] = what.close_on_exec;
  if (what.size) out["size"] = *what.size;
  if (what.offset) out["offset"] = *what.offset;
  if (what.seals) out["seals"] = seal_names(*what.seals);
  if (what.device) out["device"] = number_text(*what.device);
  if (what.socket) {
    out["socket"] = {{"family", family_name(what.socket->family)}, {"type", type_name(what.socket->type)},
                     {"protocol", what.socket->protocol},          {"listening", what.socket->listening},
                     {"local", end_record(what.socket->local)},    {"peer", end_record(what.socket->peer)}};
  }
  if (what.counter) out["counter"] = *what.counter;
  if (what.process) out["process"] = *what.process;
  put_name(out, "path", what.path);
  put_name(out, "name", what.name);
  if (what.deleted) out["deleted"] = true;
  return out;
}

std::string json_text(const json& record) { return record.dump(-1, ' ', true, json::error_handler_t::replace); }

}  // namespace scm::cli
