#include "service/supervisor_status.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "inspect/fdinfo.hpp"

#include <scm/core/fd.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace scm::inline v0_1::detail {
namespace {

// The number at the beginning, and what follows it.
template <class Number>
bool take_number(std::string_view& text, Number& into) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return true;
}

template <class Number, std::size_t Count>
bool take_all(std::string_view text, std::string_view name, std::array<Number, Count>& into) noexcept {
  auto field = fdinfo_field(text, name);
  if (!field) return false;
  for (Number& one : into) {
    if (!take_number(*field, one)) return false;
  }
  return true;
}

template <class Number>
bool take_count(std::string_view text, std::string_view name, Number& into) noexcept {
  const auto number = fdinfo_number<Number>(text, name);
  if (number) into = *number;
  return number.has_value();
}

bool take_bits(std::string_view text, std::string_view name, std::uint64_t& into) noexcept {
  const auto bits = fdinfo_number<std::uint64_t>(text, name, 16);
  if (bits) into = *bits;
  return bits.has_value();
}

}  // namespace

result<thread_status> parse_status(std::string_view text) noexcept {
  thread_status made;
  const bool whole = take_all(text, "Uid", made.uids) && take_all(text, "Gid", made.gids) &&
                     take_count(text, "Tgid", made.process) && take_count(text, "Threads", made.threads) &&
                     take_bits(text, "SigPnd", made.pending) && take_bits(text, "ShdPnd", made.pending_of_process) &&
                     take_bits(text, "SigBlk", made.blocked) && take_bits(text, "SigIgn", made.ignored) &&
                     take_bits(text, "CapEff", made.effective);
  auto groups = fdinfo_field(text, "Groups");
  if (!whole || !groups) return std::unexpected{make_error_code(errc::malformed)};
  gid_t group = 0;
  try {
    while (take_number(*groups, group)) made.groups.push_back(group);
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  if (const auto state = fdinfo_field(text, "State")) made.stopped = state->starts_with('T');
  made.own_process = made.process;
  if (auto numbers = fdinfo_field(text, "NStgid")) {
    pid_t number = 0;
    for (int count = 0; take_number(*numbers, number); ++count) {
      made.own_process = number;
      made.own_pids = count != 0;
    }
  }
  return made;
}

proc_path::proc_path(pid_t thread, std::string_view part) noexcept {
  append("/proc/");
  append_number(thread);
  append(part);
}
proc_path::proc_path(pid_t thread, std::string_view part, int number) noexcept : proc_path{thread, part} {
  append_number(number);
}
void proc_path::append(std::string_view text) noexcept {
  size_ += text.copy(chars_.data() + size_, chars_.size() - 1 - size_);
}
void proc_path::append_number(int number) noexcept {
  char* const end = std::to_chars(chars_.data() + size_, chars_.data() + chars_.size() - 1, number).ptr;
  size_ = static_cast<std::size_t>(end - chars_.data());
}

result<thread_status> status_of(pid_t thread) noexcept {
  const owned_fd file{sys::open(proc_path{thread, "/status"}.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return os_failure();
  std::array<char, 4096> text;
  std::size_t size = 0;
  // Someone in very many groups has a longer text, whose end is missed: nobody in more than a hundred or two.
  while (size != text.size()) {
    const ssize_t got = sys::read(file.native_handle(), text.data() + size, text.size() - size);
    if (got < 0) return os_failure();
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  return parse_status({text.data(), size});
}

std::optional<std::uint32_t> mapped_id(std::string_view map, std::uint32_t id, bool to_inside) noexcept {
  while (!map.empty()) {
    std::string_view line = map.substr(0, map.find('\n'));
    map.remove_prefix(std::min(line.size() + 1, map.size()));
    std::uint32_t inside = 0, outside = 0, count = 0;
    if (!take_number(line, inside) || !take_number(line, outside) || !take_number(line, count)) continue;
    const std::uint32_t from = to_inside ? outside : inside, to = to_inside ? inside : outside;
    if (id >= from && id - from < count) return to + (id - from);
  }
  return {};
}

namespace {

using map_text = std::array<char, 4096>;  // a page: no more can be written to it
result<std::string_view> map_of(pid_t thread, id_kind kind, map_text& room) noexcept {
  const char* const part = kind == id_kind::user ? "/uid_map" : "/gid_map";
  const owned_fd file{sys::open(proc_path{thread, part}.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return os_failure();
  const ssize_t size = sys::read(file.native_handle(), room.data(), room.size());
  if (size < 0) return os_failure();
  return std::string_view{room.data(), static_cast<std::size_t>(size)};
}

// What a link to a namespace says, "user:[4026531837]"; empty where it cannot be read.
struct namespace_link {
  explicit namespace_link(const proc_path& path) noexcept {
    const ssize_t got = sys::readlink(path.c_str(), chars.data(), chars.size());
    if (got > 0) size = static_cast<std::size_t>(got);
  }
  [[nodiscard]] std::string_view text() const noexcept { return {chars.data(), size}; }
  std::array<char, 64> chars;
  std::size_t size = 0;
};

}  // namespace

result<std::optional<std::uint32_t>> id_from(pid_t thread, id_kind kind, std::uint32_t id) noexcept {
  map_text room;
  const auto map = map_of(thread, kind, room);
  if (!map) return std::unexpected{map.error()};
  return mapped_id(*map, id);
}

std::uint32_t id_seen_by(pid_t thread, id_kind kind, std::uint32_t id) noexcept {
  constexpr std::uint32_t overflow = 65534;
  map_text room;
  const auto map = map_of(thread, kind, room);
  return map ? mapped_id(*map, id, true).value_or(overflow) : overflow;
}

pid_t process_seen_by(pid_t thread, pid_t process) noexcept {
  const namespace_link own{proc_path{::getpid(), "/ns/pid"}}, its{proc_path{thread, "/ns/pid"}};
  if (its.size == 0 || own.text() == its.text()) return process;
  const namespace_link sender{proc_path{process, "/ns/pid"}};
  if (sender.text() != its.text()) return 0;  // one of a namespace below that: without a number, too
  const auto status = status_of(process);
  return status ? status->own_process : 0;
}

result<bool> shares_users(pid_t thread) noexcept {
  const namespace_link own{proc_path{::getpid(), "/ns/user"}}, its{proc_path{thread, "/ns/user"}};
  if (own.size == 0 || its.size == 0) return os_failure(EACCES);
  return own.text() == its.text();
}

signals_seen signals_for(const thread_status& status) noexcept {
  // Ignored ones are not there; of the others each ends the wait, if only to stop the program for a while.
  const std::uint64_t open = ~status.blocked & ~status.ignored;
  signals_seen seen;
  if ((status.pending & open) != 0) return {true, true};
  if ((status.pending_of_process & open) != 0) return {true, status.threads == 1};
  return seen;
}

bool nobody_else_takes(pid_t process, pid_t thread, std::uint64_t signals) noexcept {
  const owned_fd folder{sys::open(proc_path{process, "/task"}.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder) return false;
  constexpr int most = 64;  // looks of some 15 us, while everybody waits
  int looked = 0;
  alignas(8) std::array<char, 2048> entries;
  for (;;) {
    const ssize_t size = sys::getdents(folder.native_handle(), entries.data(), entries.size());
    if (size < 0) return false;
    if (size == 0) return true;
    // struct linux_dirent64: inode, offset, u16 length of the entry, type, and the name.
    for (std::size_t at = 0; at + 19 < static_cast<std::size_t>(size);) {
      std::uint16_t length = 0;
      std::memcpy(&length, entries.data() + at + 16, sizeof length);
      if (length == 0) return false;
      std::string_view name{entries.data() + at + 19};
      at += length;
      pid_t other = 0;
      if (!take_number(name, other) || other == thread) continue;
      if (++looked > most) return false;
      const auto status = status_of(other);
      if (status && (signals & ~status->blocked) != 0) return false;
    }
  }
}

}  // namespace scm::inline v0_1::detail
