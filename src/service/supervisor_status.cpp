#include "service/supervisor_status.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "inspect/fdinfo.hpp"

#include <scm/core/fd.hpp>

#include <charconv>
#include <cstddef>

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

result<thread_status> status_of(pid_t thread) noexcept {
  std::array<char, 32> path{"/proc/"};
  char* end = std::to_chars(path.data() + 6, path.data() + 20, thread).ptr;
  for (const char c : std::string_view{"/status"}) *end++ = c;
  const owned_fd file{sys::open(path.data(), O_RDONLY | O_CLOEXEC)};
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

signals_seen signals_for(const thread_status& status) noexcept {
  // Ignored ones are not there; of the others each ends the wait, if only to stop the program for a while.
  const std::uint64_t open = ~status.blocked & ~status.ignored;
  signals_seen seen;
  if ((status.pending & open) != 0) return {true, true};
  if ((status.pending_of_process & open) != 0) return {true, status.threads == 1};
  return seen;
}

}  // namespace scm::inline v0_1::detail
