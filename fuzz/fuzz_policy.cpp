// A policy's text is accepted, or not, as a second reader says that shares no code with the parser; what it says of a
// message is what a second judge says, who works on the text; its own text gives the same policy; a mistake has a
// place.
//
// Input: the text; after a NUL byte what the message is like.
#include "check.hpp"

#include <scm/fuzz/input.hpp>
#include <scm/inspect/admission.hpp>
#include <scm/inspect/expectation_text.hpp>
#include <scm/service/policy_text.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <boost/algorithm/string/split.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using scm::policy_message;
using words = std::vector<std::string>;

// --- the grammar once more -------------------------------------------------------------------------------------------

words split(const std::string& text, char at) {
  words parts;
  return boost::algorithm::split(parts, text, [at](char c) { return c == at; });
}

std::optional<std::uint64_t> number(const std::string& text, std::uint64_t most, std::uint64_t unit = 1) {
  if (text.empty() || text.find_first_not_of("0123456789") != text.npos) return {};
  std::uint64_t value = 0;
  for (const char c : text) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (most / unit - std::min(most / unit, digit)) / 10) return {};
    value = value * 10 + digit;
  }
  if (value > most / unit) return {};
  return value * unit;
}

std::optional<std::uint64_t> size(const std::string& text) {
  const std::string units = "KMGT";
  const auto unit = text.empty() ? units.npos : units.find(text.back());
  if (unit == units.npos) return number(text, UINT64_MAX);
  return number(text.substr(0, text.size() - 1), UINT64_MAX, std::uint64_t{1} << (10 * (unit + 1)));
}

std::optional<std::string> unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const std::string code = text.substr(std::min(i + 2, text.size()), 2);
    if (text.substr(i, 2) != "\\x" || code.size() != 2 ||
        code.find_first_not_of("0123456789abcdefABCDEF") != code.npos) {
      return {};
    }
    out += static_cast<char>(std::strtoul(code.c_str(), nullptr, 16));
    i += 3;
  }
  return out;
}

// Every part of the path is a name; of one that goes on, every part but the last.
bool settled(const std::string& path, bool goes_on) {
  auto parts = split(path, '/');
  if (parts.size() < 2 || !parts.front().empty()) return false;
  if (goes_on) parts.pop_back();
  return std::all_of(parts.begin() + 1, parts.end(),
                     [](const std::string& part) { return !part.empty() && part != "." && part != ".."; });
}

// A name, and whether it goes on.
std::optional<std::pair<std::string, bool>> name_in(std::string text) {
  const bool goes_on = text.ends_with('*');
  if (goes_on) text.pop_back();
  auto name = unescaped(text);
  if (!name) return {};
  return std::pair{*name, goes_on};
}

const std::map<std::string, int> families{{"unix", AF_UNIX},       {"inet", AF_INET},     {"inet6", AF_INET6},
                                          {"netlink", AF_NETLINK}, {"packet", AF_PACKET}, {"vsock", AF_VSOCK}};
const std::map<std::string, int> types{
    {"stream", SOCK_STREAM}, {"dgram", SOCK_DGRAM}, {"seqpacket", SOCK_SEQPACKET}, {"raw", SOCK_RAW}};

std::optional<int> value_in(const std::map<std::string, int>& all, const std::string& word) {
  if (const auto found = all.find(word); found != all.end()) return found->second;
  const auto plain = number(word, INT32_MAX);
  if (!plain || *plain == 0) return {};
  return static_cast<int>(*plain);
}

std::optional<int> error_in(const std::string& word) {
  for (int i = 1; i <= 133; ++i) {
    const char* const name = ::strerrorname_np(i);
    if (name != nullptr && (word == name || number(word, 133) == static_cast<std::uint64_t>(i))) return i;
  }
  const std::map<std::string, int> second{{"EWOULDBLOCK", EAGAIN}, {"ENOTSUP", EOPNOTSUPP}, {"EDEADLOCK", EDEADLK}};
  const auto found = second.find(word);
  return found == second.end() ? std::nullopt : std::optional{found->second};
}

struct rule {
  std::string action, direction;
  int error = EACCES;
  std::map<std::string, std::string> conditions;  // by "count<=" and its like
  std::set<std::string> placements;
  std::size_t line = 0;

  bool allows() const { return action == "allow"; }
  bool has(const char* key) const { return conditions.contains(key); }
};

bool read_action(const std::string& word, rule& out) {
  out.action = word.substr(0, word.find('='));
  if (!std::set<std::string>{"allow", "deny", "strip", "kill"}.contains(out.action)) return false;
  if (out.action == word) return true;
  const auto error = error_in(word.substr(word.find('=') + 1));
  if (error) out.error = *error;
  return out.action == "deny" && error;
}

bool is_list_of(const std::map<std::string, int>& all, const std::string& text) {
  std::set<int> seen;
  for (const auto& word : split(text, '/')) {
    const auto value = value_in(all, word);
    if (!value || !seen.insert(*value).second) return false;
  }
  return true;
}

bool is_address(const std::string& text) {
  if (text == "unnamed") return true;
  const auto name = name_in(text);
  if (!name || name->first.empty()) return false;
  if (text.starts_with('@')) return name->first.size() <= 108;
  return name->first.size() <= 108 && name->first.find('\0') == std::string::npos && settled(name->first, name->second);
}

bool is_program(const std::string& text) {
  const auto name = name_in(text);
  if (!name || name->first.empty() || name->first.find('\0') != std::string::npos) return false;
  return name->first.find('/') == std::string::npos || settled(name->first, name->second);
}

bool is_fds(const std::string& text, bool allows) {
  if (text == "none") return true;
  const auto each = split(text, ';');
  if (each.size() > 16 || (!allows && each.size() > 1)) return false;
  return std::ranges::all_of(each, [&](const std::string& rules) {
    const auto parsed = scm::parse_expectation(rules);
    return !rules.empty() && parsed && (allows || parsed->below.empty());
  });
}

bool is_condition(const std::string& key, const std::string& value, bool allows) {
  if (key == "program=") return is_program(value);
  if (key == "peer=" || key == "local=") return is_address(value);
  if (key == "peer-uid=" || key == "peer-gid=") return number(value, UINT32_MAX - 1).has_value();
  if (key == "family=") return is_list_of(families, value);
  if (key == "type=") return is_list_of(types, value);
  if (key == "fds=") return is_fds(value, allows);
  if (key == "oob=") return value == "yes" || value == "no";
  if (key == "count=" || key == "count<=" || key == "count>=") return number(value, UINT32_MAX).has_value();
  if (key == "bytes=" || key == "bytes<=" || key == "bytes>=") return size(value).has_value();
  return false;
}

bool is_range(const rule& read, const std::string& name, std::optional<std::uint64_t> (*value)(const std::string&)) {
  const auto bound = [&](const char* sign, std::uint64_t otherwise) {
    const auto found = read.conditions.find(name + sign);
    return found == read.conditions.end() ? otherwise : value(found->second).value();
  };
  const bool bounds = read.conditions.contains(name + "<=") || read.conditions.contains(name + ">=");
  return !(bounds && read.conditions.contains(name + "=")) && bound(">=", 0) <= bound("<=", UINT64_MAX);
}

bool makes_sense(const rule& read) {
  if (!is_range(read, "count", size) || !is_range(read, "bytes", size)) return false;
  if (read.has("fds=") && (read.has("count=") || read.has("count<=") || read.has("count>="))) {
    const auto& fds = read.conditions.at("fds=");
    const auto none = [&](const char* key) { return read.has(key) && number(read.conditions.at(key), 0); };
    if (fds == "none" || fds.find(';') != fds.npos || none("count=") || none("count<=")) return false;
  }
  return read.placements.empty() || (read.allows() && read.direction != "send");
}

bool read_word(const std::string& word, rule& out) {
  if (word == "cloexec" || word == "scattered") return out.placements.insert(word).second;
  const auto equals = word.find('=');
  if (equals == word.npos) return false;
  const std::string key = word.substr(0, equals + 1);
  const std::string value = word.substr(equals + 1);
  return is_condition(key, value, out.allows()) && out.conditions.emplace(key, value).second;
}

// The words of each line that has some; nothing for text with other characters than may stand there.
std::optional<std::vector<std::pair<std::size_t, words>>> lines_of(const std::string& text) {
  std::vector<std::pair<std::size_t, words>> lines;
  std::size_t number = 0;
  for (const auto& line : split(text, '\n')) {
    lines.push_back({++number, {}});
    bool comment = false, between = true;
    for (const char c : line) {
      const bool blank = c == ' ' || c == '\t';
      comment |= between && c == '#';
      const auto byte = static_cast<unsigned char>(c);
      if ((byte < 0x20 && c != '\t') || byte == 0x7f || (byte > 0x7f && !comment)) return {};
      if (!comment && !blank && between) lines.back().second.emplace_back();
      if (!comment && !blank) lines.back().second.back() += c;
      between = blank;
    }
  }
  std::erase_if(lines, [](const auto& line) { return line.second.empty(); });
  return lines;
}

// The default, and the rules.
std::optional<std::pair<rule, std::vector<rule>>> reference(const std::string& text) {
  if (text.size() > scm::policy_text_bytes) return {};
  const auto lines = lines_of(text);
  if (!lines || lines->size() < 2 || lines->front().second != words{"policy", "1"}) return {};
  rule otherwise;
  const auto& [line, second] = (*lines)[1];
  otherwise.line = line;
  if (second.size() < 2 || second[0] != "default" || !read_action(second[1], otherwise)) return {};
  for (std::size_t i = 2; i != second.size(); ++i) {
    if (!read_word(second[i], otherwise)) return {};
  }
  if (!otherwise.conditions.empty() || !makes_sense(otherwise)) return {};

  std::vector<rule> rules;
  std::set<std::string> taken;
  for (std::size_t i = 2; i != lines->size(); ++i) {
    const auto& parts = (*lines)[i].second;
    rule read;
    read.line = (*lines)[i].first;
    if (parts.size() < 2 || !read_action(parts[0], read)) return {};
    read.direction = parts[1];
    if (!std::set<std::string>{"any", "send", "receive"}.contains(read.direction)) return {};
    for (std::size_t j = 2; j != parts.size(); ++j) {
      if (!read_word(parts[j], read)) return {};
    }
    if (!makes_sense(read)) return {};
    const auto ways = read.direction == "any" ? std::set<std::string>{"send", "receive"} : std::set{read.direction};
    if (std::ranges::includes(taken, ways)) return {};
    if (read.conditions.empty()) taken.insert(ways.begin(), ways.end());
    rules.push_back(read);
  }
  if (rules.size() > 256) return {};
  return std::pair{otherwise, rules};
}

// --- the judge: 0 does not hold, 2 holds, 1 nobody knows
// --------------------------------------------------------------

int sure(bool holds) { return holds ? 2 : 0; }

bool is_named(const std::string& name, const std::pair<std::string, bool>& wanted) {
  return wanted.second ? name.starts_with(wanted.first) : name == wanted.first;
}

int judge_address(const std::string& wanted, const std::optional<scm::address>& at, int family) {
  if (family != 0 && family != AF_UNIX) return 0;
  if (family == 0 || !at) return 1;
  using form = scm::address::form;
  if (wanted == "unnamed") return sure(at->kind() == form::unnamed);
  const bool abstract = wanted.starts_with('@');
  const std::string name{at->name()};
  if (abstract) return sure(at->kind() == form::abstract && is_named('@' + name, name_in(wanted).value()));
  if (at->kind() != form::path) return 0;
  return settled(name, false) ? sure(is_named(name, name_in(wanted).value())) : 1;
}

int judge_program(const std::string& wanted, const std::string& program) {
  if (!settled(program, false)) return 1;
  const auto name = name_in(wanted).value();
  const bool whole = name.first.find('/') != std::string::npos;
  return sure(is_named(whole ? program : program.substr(program.rfind('/') + 1), name));
}

int judge_list(const std::map<std::string, int>& all, const std::string& list, int value) {
  if (value == 0) return 1;
  const auto each = split(list, '/');
  return sure(std::ranges::any_of(each, [&](const auto& word) { return value_in(all, word) == value; }));
}

int judge_descriptors(const std::string& wanted, bool allows, std::span<const scm::borrowed_fd> fds) {
  if (wanted == "none") return sure(fds.empty());
  if (fds.empty()) return 0;
  const auto each = split(wanted, ';');
  if (each.size() > 1 && each.size() != fds.size()) return 0;
  int least = 2, most = 0;
  for (std::size_t i = 0; i != fds.size(); ++i) {
    auto expected = scm::parse_expectation(each[each.size() > 1 ? i : 0]).value();
    if (!allows && expected.kinds.empty()) expected.kinds = scm::any_kind;
    const auto admitted = scm::admit(fds[i], expected);
    const int one = admitted ? 2 : admitted.error() == scm::errc::not_admitted ? 0 : 1;
    least = std::min(least, one);
    most = std::max(most, one);
  }
  return allows ? least : most;
}

// A number of which it is known that it is at least `value`, and exactly that unless `more`.
int judge_number(const std::string& key, const std::string& bound, std::uint64_t value, bool more) {
  const std::uint64_t wanted = size(bound).value();
  if (key.ends_with("<=")) return value > wanted ? 0 : more && wanted != UINT64_MAX ? 1 : 2;
  if (key.ends_with(">=")) return value >= wanted ? 2 : more ? 1 : 0;
  return value > wanted ? 0 : more ? 1 : sure(value == wanted);
}

int judge(const std::string& key, const std::string& value, bool allows, const policy_message& of) {
  const auto id = [&](const auto& known) { return known ? sure(number(value, UINT32_MAX) == *known) : 1; };
  if (key == "program=") return judge_program(value, std::string{of.program});
  if (key == "peer=") return judge_address(value, of.peer, of.family);
  if (key == "local=") return judge_address(value, of.local, of.family);
  if (key == "peer-uid=") return id(of.peer_uid);
  if (key == "peer-gid=") return id(of.peer_gid);
  if (key == "family=") return judge_list(families, value, of.family);
  if (key == "type=") return judge_list(types, value, of.type);
  if (key == "oob=") return sure((value == "yes") == of.out_of_band);
  if (key == "fds=") return judge_descriptors(value, allows, of.descriptors);
  if (key.starts_with("count")) return judge_number(key, value, of.descriptors.size(), false);
  return judge_number(key, value, of.bytes, of.more_bytes);
}

const rule& verdict(const rule& otherwise, const std::vector<rule>& rules, const policy_message& of) {
  for (const auto& one : rules) {
    if (one.direction != "any" && (one.direction == "receive") != of.received) continue;
    int holds = 2;
    for (const auto& [key, value] : one.conditions) holds = std::min(holds, judge(key, value, one.allows(), of));
    if (one.allows() ? holds == 2 : holds != 0) return one;
  }
  return otherwise;
}

// --- messages
// ----------------------------------------------------------------------------------------------------------

struct files {
  std::vector<scm::owned_fd> open;

  files() {
    const auto add = [&](int fd) { open.emplace_back(fd); };
    add(::memfd_create("scm", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    add(::memfd_create("scm", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ::fcntl(open.back().native_handle(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    add(::open("/dev/null", O_RDWR | O_CLOEXEC));
    add(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    add(ends[0]);
    add(ends[1]);
    add(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    for (const auto& one : open) FUZZ_CHECK(one);
  }
};

// What a message may be like; each is there for a rule that a dictionary word makes.
struct made_message {
  policy_message value;
  std::string program;
  std::vector<scm::borrowed_fd> descriptors;

  explicit made_message(scm::fuzz::input from) {
    static const files all;
    static constexpr std::array<std::string_view, 6> programs{"",         "/usr/bin/a", "/usr/bin/ab",
                                                              "/opt/x/a", "a",          "/usr/bin/../a"};
    static constexpr std::array<std::string_view, 6> places{"/run/a", "/run/ab", "run/a", "/run/../a", "@a", "@ab"};
    const auto place = [&](unsigned which) -> std::optional<scm::address> {
      if (which % 8 == 6) return scm::address{};
      if (which % 8 == 7) return {};
      return scm::address::parse(places[which % 8]).value();
    };
    const auto flags = from.take<std::uint8_t>();
    value.received = (flags & 1) != 0;
    value.out_of_band = (flags & 2) != 0;
    value.more_bytes = (flags & 4) != 0;
    if ((flags & 8) != 0) value.peer_uid = flags >> 6;
    if ((flags & 16) != 0) value.peer_gid = flags >> 6;
    program = programs[from.take<std::uint8_t>() % programs.size()];
    value.peer = place(from.take<std::uint8_t>());
    value.local = place(from.take<std::uint8_t>());
    value.family = std::array<int, 4>{AF_UNIX, 0, AF_INET, AF_UNIX}[from.take<std::uint8_t>() % 4];
    value.type = std::array<int, 4>{SOCK_STREAM, 0, SOCK_DGRAM, SOCK_SEQPACKET}[from.take<std::uint8_t>() % 4];
    value.bytes = from.take<std::uint16_t>();
    for (auto left = from.take<std::uint8_t>() % 4; left != 0; --left) {
      const std::size_t which = from.take<std::uint8_t>() % (all.open.size() + 1);
      descriptors.push_back(which == all.open.size() ? scm::borrowed_fd{-1} : all.open[which].get());
    }
    value.program = program;
    value.descriptors = descriptors;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* const end = std::find(data, data + size, std::uint8_t{0});
  const std::string text{reinterpret_cast<const char*>(data), static_cast<std::size_t>(end - data)};
  const made_message message{scm::fuzz::input{{end + (end == data + size ? 0 : 1), data + size}}};

  const auto wanted = reference(text);
  const auto got = scm::parse_policy(text);
  FUZZ_CHECK(got.has_value() == wanted.has_value());
  if (!got) {
    const auto& wrong = got.error();
    FUZZ_CHECK(wrong.code == scm::errc::malformed);
    FUZZ_CHECK(!std::string_view{wrong.what}.empty());
    FUZZ_CHECK(wrong.offset <= text.size());
    const auto before = split(text.substr(0, wrong.offset), '\n');
    FUZZ_CHECK(wrong.line == before.size() && wrong.column == before.back().size() + 1);
    return 0;
  }
  const auto& said = verdict(wanted->first, wanted->second, message.value);
  const auto decision = scm::decide(*got, message.value);
  FUZZ_CHECK(decision.line == said.line);
  FUZZ_CHECK(decision.outcome.error == said.error);
  FUZZ_CHECK(decision.outcome.close_on_exec == said.placements.contains("cloexec"));
  FUZZ_CHECK(decision.outcome.scattered == said.placements.contains("scattered"));
  using action = scm::policy_action;
  const std::map<std::string, action> actions{
      {"allow", action::allow}, {"deny", action::deny}, {"strip", action::strip}, {"kill", action::kill}};
  FUZZ_CHECK(decision.outcome.what == actions.at(said.action));

  const auto written = scm::text_of(*got);
  FUZZ_CHECK(written);
  const auto again = scm::parse_policy(*written);
  FUZZ_CHECK(again && *again == *got);
  FUZZ_CHECK(scm::text_of(*again) == written);
  FUZZ_CHECK(scm::decide(*again, message.value).outcome == decision.outcome);
  return 0;
}
