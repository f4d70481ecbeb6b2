#include "cli/describe_text.hpp"

#include "cli/failure.hpp"
#include "cli/json_bytes.hpp"
#include "inspect/words.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <vector>

namespace scm::cli {
namespace {

using nlohmann::json;
using word_list = std::vector<std::string_view>;

// Texts with something between them.
class joined {
 public:
  explicit joined(char between) noexcept : between_{between} {}

  void add(std::string_view text) {
    if (text_.size() != 0) text_.push_back(between_);
    text_.append(text);
  }
  // `format` is an FMT_COMPILE.
  template <class Format, class... Values>
  void add_as(const Format& format, const Values&... values) {
    add({});
    fmt::format_to(fmt::appender{text_}, format, values...);
  }
  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), text_.size()}; }
  [[nodiscard]] std::string_view view_or(std::string_view none) const noexcept {
    return view().empty() ? none : view();
  }

 private:
  char between_;
  fmt::memory_buffer text_;
};

struct column {
  std::size_t width;
  bool right = false;
};
constexpr column columns[] = {{9}, {16}, {6}, {16}, {9, true}, {9, true}, {20}, {0}};

void add_columns(fmt::memory_buffer& out, const std::array<std::string_view, std::size(columns)>& texts) {
  std::size_t gap = 0;  // before the next text that is not empty
  for (std::size_t i = 0; i != texts.size(); ++i) {
    const auto& [width, right] = columns[i];
    const std::size_t padding = width - std::min(width, texts[i].size());
    if (right) gap += padding;
    if (!texts[i].empty()) {
      for (; gap != 0; --gap) out.push_back(' ');
      out.append(texts[i]);
    }
    gap += (right ? 0 : padding) + 1;
  }
}

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

std::string number_text(const device_number& number) { return fmt::format("{}:{}", number.major, number.minor); }

// The field's word for a number of <sys/socket.h>, or the number.
template <class Words>
std::string socket_word(const Words& words, std::string_view what, int number) {
  const auto word = detail::word_of(words, number);
  return word.empty() ? fmt::format("{}-{}", what, number) : std::string{word};
}
std::string family_name(int family) { return socket_word(detail::family_words, "family", family); }
std::string type_name(int type) { return socket_word(detail::type_words, "type", type); }

void add_socket(joined& out, const socket_description& socket) {
  out.add(family_name(socket.family));
  out.add(type_name(socket.type));
  if (socket.protocol != 0) out.add_as(FMT_COMPILE("protocol {}"), socket.protocol);
  if (socket.listening) out.add("listening");
  const auto local = text_of(socket.local);
  const auto peer = text_of(socket.peer);
  if (!local.view().empty()) out.add(local.view());
  if (!peer.view().empty()) out.add_as(FMT_COMPILE("-> {}"), peer.view());
}

joined details(const description& what) {
  joined out{' '};
  if (what.target) out.add_as(FMT_COMPILE("to {}"), name_of(*what.target));
  if (what.device) out.add(number_text(*what.device));
  if (what.socket) add_socket(out, *what.socket);
  if (what.counter) out.add_as(FMT_COMPILE("count {}"), *what.counter);
  if (what.process && *what.process < 0) out.add("process gone");
  if (what.process && *what.process >= 0) out.add_as(FMT_COMPILE("process {}"), *what.process);
  // Both ends of a pipe have its inode: the number pairs them.
  if (what.kind == descriptor_kind::pipe && what.path.empty()) {
    out.add_as(FMT_COMPILE("inode {}"), what.identity.inode);
  }
  if (what.deleted) out.add("deleted");
  if (!what.path.empty()) out.add(shown(what.path));
  if (!what.name.empty() && what.name != name_of(what.kind)) out.add(shown(what.name));
  return out;
}

void put_name(json& record, const char* key, const std::string& bytes) {
  if (bytes.empty()) return;
  put_bytes(record, key, bytes);
}

json end_record(const socket_name& name) {
  const auto text = text_of(name);
  return text.view().empty() ? json{} : json(text.view());
}

}  // namespace

std::string description_title() {
  fmt::memory_buffer out;
  add_columns(out, {"FD", "KIND", "ACCESS", "FLAGS", "SIZE", "OFFSET", "SEALS", "DETAILS"});
  return fmt::to_string(out);
}

void add_description(fmt::memory_buffer& out, std::string_view label, const description& what) {
  joined flags{','};
  for (const auto flag : flag_names(what.flags)) flags.add(flag);
  if (what.close_on_exec) flags.add("cloexec");
  joined seals{','};
  for (const auto& one : seal_names(what.seals.value_or(seal_set{}))) seals.add(one);
  const auto number = [](const auto& value) { return value ? fmt::to_string(*value) : std::string{"-"}; };
  add_columns(out, {label, name_of(what.kind), access_letters(what.access), flags.view_or("-"), number(what.size),
                    number(what.offset), seals.view_or("-"), details(what).view()});
}

std::string description_line(std::string_view label, const description& what) {
  fmt::memory_buffer out;
  add_description(out, label, what);
  return fmt::to_string(out);
}

std::string description_summary(const description& what) {
  std::string out{name_of(what.kind)};
  if (what.access != access_mode::none) out += fmt::format(" {}", access_letters(what.access));
  if (what.size) out += fmt::format(" {} byte{}", *what.size, *what.size == 1 ? "" : "s");
  if (what.seals && !what.seals->empty()) out += fmt::format(" sealed {}", fmt::join(seal_names(*what.seals), ","));
  if (const joined more = details(what); !more.view().empty()) out += fmt::format(" {}", more.view());
  return out;
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
