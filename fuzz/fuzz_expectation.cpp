// Rules of an expectation: the value, or the refusal, that a second reader finds, which shares no code with the parser;
// the text of a value gives the value again; and a mistake is inside the text.
//
// Input: the text.
#include "check.hpp"

#include <scm/inspect/expectation_text.hpp>

#include <sys/socket.h>
#include <boost/algorithm/string/split.hpp>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using scm::expectation;

// --- the grammar once more: whole strings, one after the other, and no place of a mistake ----------------------------

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts;
  return boost::algorithm::split(parts, text, [at](char c) { return c == at; });
}

std::optional<std::uint64_t> number(const std::string& text, std::uint64_t most) {
  if (text.empty()) return {};
  std::uint64_t value = 0;
  bool too_large = false;
  for (const char c : text) {
    if (c < '0' || c > '9') return {};
    too_large |= __builtin_mul_overflow(value, std::uint64_t{10}, &value);
    too_large |= __builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value);
    too_large |= value > most;
  }
  if (too_large) return {};
  return value;
}

std::optional<std::uint64_t> size(std::string text) {
  std::uint64_t unit = 1;
  for (const char letter : {'K', 'M', 'G', 'T'}) {
    unit *= 1024;
    if (!text.ends_with(letter)) continue;
    text.pop_back();
    const auto count = number(text, UINT64_MAX);
    std::uint64_t bytes = 0;
    if (!count || __builtin_mul_overflow(*count, unit, &bytes)) return {};
    return bytes;
  }
  return number(text, UINT64_MAX);
}

std::optional<std::string> path(const std::string& text) {
  if (text.empty() || text[0] != '/') return {};
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      if (text[i] < ' ' || text[i] > '~') return {};
      out += text[i];
      continue;
    }
    if (i + 3 >= text.size() || text[i + 1] != 'x') return {};
    const std::string code = text.substr(i + 2, 2);
    if (code.find_first_not_of("0123456789abcdefABCDEF") != code.npos || code == "00") return {};
    out += static_cast<char>(std::strtoul(code.c_str(), nullptr, 16));
    i += 3;
  }
  return out;
}

bool read_kinds(const std::string& value, expectation& out) {
  if (value == "any") {
    out.kinds = scm::any_kind;
    return true;
  }
  for (const auto& word : split(value, '/')) {
    bool found = false;
    for (int i = 0; i <= static_cast<int>(scm::descriptor_kind::anonymous); ++i) {
      const auto kind = static_cast<scm::descriptor_kind>(i);
      if (word != scm::name_of(kind)) continue;
      out.kinds.insert(kind);
      found = true;
    }
    if (!found) return false;
  }
  return true;
}

bool read_flags(const std::string& value, scm::status_flags& out) {
  const std::map<std::string, bool*> words{
      {"append", &out.append}, {"nonblock", &out.nonblock}, {"direct", &out.direct},  {"sync", &out.sync},
      {"dsync", &out.dsync},   {"async", &out.async},       {"noatime", &out.noatime}};
  for (const auto& word : split(value, '+')) {
    const auto found = words.find(word);
    if (found == words.end()) return false;
    *found->second = true;
  }
  return true;
}

template <class Value>
bool read_word(const std::map<std::string, Value>& words, const std::string& value, std::optional<int>& out) {
  if (const auto found = words.find(value); found != words.end()) {
    out = found->second;
  } else if (const auto plain = number(value, INT32_MAX)) {
    out = static_cast<int>(*plain);
  }
  return out.has_value();
}

bool read_device(const std::vector<std::string>& parts, scm::device_number& out) {
  const auto major = number(parts[0], UINT32_MAX);
  const auto minor = number(parts[1], UINT32_MAX);
  if (!major || !minor) return false;
  out = {static_cast<std::uint32_t>(*major), static_cast<std::uint32_t>(*minor)};
  return true;
}

bool read_rule(const std::string& key, const std::string& value, expectation& out) {
  if (key == "kind=") return read_kinds(value, out);
  if (key == "flags=") return read_flags(value, out.required_flags);
  if (key == "flags!=") return read_flags(value, out.forbidden_flags);
  if (key == "access=") {
    const std::map<std::string, scm::access_mode> words{{"r", scm::access_mode::read},
                                                        {"w", scm::access_mode::write},
                                                        {"rw", scm::access_mode::read_write},
                                                        {"none", scm::access_mode::none}};
    for (const auto& word : split(value, '/')) {
      if (!words.contains(word)) return false;
      out.access.insert(words.at(word));
    }
    return true;
  }
  if (key == "seals=") {
    const std::map<std::string, unsigned> words{{"seal", 1},  {"shrink", 2},        {"grow", 4},
                                                {"write", 8}, {"future_write", 16}, {"exec", 32}};
    for (const auto& word : split(value, '+')) {
      if (!words.contains(word)) return false;
      out.seals.bits |= words.at(word);
    }
    return true;
  }
  if (key == "size=" || key == "size>=" || key == "size<=") {
    const auto bytes = size(value);
    if (!bytes) return false;
    if (!out.size) out.size = scm::size_range{};
    if (key != "size<=") out.size->least = *bytes;
    if (key != "size>=") out.size->most = *bytes;
    return true;
  }
  if (key == "family=") {
    const std::map<std::string, int> words{{"unix", AF_UNIX},       {"inet", AF_INET},     {"inet6", AF_INET6},
                                           {"netlink", AF_NETLINK}, {"packet", AF_PACKET}, {"vsock", AF_VSOCK}};
    return read_word(words, value, out.socket_family);
  }
  if (key == "type=") {
    const std::map<std::string, int> words{
        {"stream", SOCK_STREAM}, {"dgram", SOCK_DGRAM}, {"seqpacket", SOCK_SEQPACKET}, {"raw", SOCK_RAW}};
    return read_word(words, value, out.socket_type);
  }
  if (key == "listening=") {
    out.listening = value == "yes";
    return value == "yes" || value == "no";
  }
  const auto parts = split(value, ':');
  if (key == "device=") return parts.size() == 2 && read_device(parts, out.device.emplace());
  if (key == "inode=") {
    if (parts.size() != 3) return false;
    const auto inode = number(parts[2], UINT64_MAX);
    if (!inode || !read_device(parts, out.same_as.emplace().device)) return false;
    out.same_as->inode = *inode;
    return true;
  }
  if (key == "below=") {
    const auto where = path(value);
    if (where) out.below = *where;
    return where.has_value();
  }
  return false;
}

std::optional<expectation> reference(const std::string& text) {
  expectation out;
  if (text.size() > scm::expectation_text_bytes) return {};
  if (text.empty()) return out;
  std::set<std::string> seen;
  for (const auto& one : split(text, ',')) {
    const auto equals = one.find('=');
    const bool bare = one.find_first_of("=!<>") == one.npos;
    if (!bare && equals == one.npos) return {};
    const std::string key = bare ? "kind=" : one.substr(0, equals + 1);
    if (!seen.insert(key).second) return {};
    if (!read_rule(key, bare ? one : one.substr(equals + 1), out)) return {};
  }
  if (seen.contains("size=") && (seen.contains("size>=") || seen.contains("size<="))) return {};
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{reinterpret_cast<const char*>(data), size};
  const auto wanted = reference(text);
  const auto got = scm::parse_expectation(text);
  FUZZ_CHECK(got.has_value() == wanted.has_value());
  if (!got) {
    FUZZ_CHECK(got.error() == scm::errc::malformed);
    FUZZ_CHECK(got.error().offset <= size);
    FUZZ_CHECK(!std::string_view{got.error().what}.empty());
    return 0;
  }
  FUZZ_CHECK(*got == *wanted);
  const auto written = scm::text_of(*got);
  FUZZ_CHECK(written);
  FUZZ_CHECK(scm::parse_expectation(*written) == *got);
  FUZZ_CHECK(scm::text_of(scm::parse_expectation(*written).value()) == written);
  return 0;
}
