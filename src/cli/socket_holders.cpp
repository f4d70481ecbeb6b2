#include "cli/socket_holders.hpp"

#include "cli/bounds.hpp"
#include "inspect/fdinfo.hpp"

#include <scm/core/fd.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <memory>
#include <string_view>

namespace scm::cli {
namespace {

using folder = std::unique_ptr<DIR, int (*)(DIR*)>;

folder opened(const std::string& path) { return {::opendir(path.c_str()), ::closedir}; }

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number value{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size()) return {};
  return value;
}

// "socket:[123]"
std::optional<std::uint64_t> socket_inode(std::string_view target) {
  constexpr std::string_view before = "socket:[";
  if (!target.starts_with(before) || !target.ends_with(']')) return {};
  return number_in<std::uint64_t>(target.substr(before.size(), target.size() - before.size() - 1));
}

void look_through(pid_t process, socket_holders& out) {
  const folder all = opened(fmt::format("/proc/{}/fd", process));
  if (!all) {
    if (errno == EACCES || errno == EPERM) out.hidden.push_back(process);
    return;
  }
  std::size_t left = bounds::descriptors_listed;
  // The kernel lists by number, so that this ends even when the process opens and closes all the time.
  while (const dirent* const entry = ::readdir(all.get())) {  // NOLINT(concurrency-mt-unsafe): a stream of our own
    const auto number = number_in<int>(entry->d_name);
    if (!number) continue;
    if (left-- == 0) return;
    std::array<char, 64> target;  // longer ones are no socket's
    const ssize_t size = ::readlinkat(::dirfd(all.get()), entry->d_name, target.data(), target.size());
    if (size < 0) {
      if (errno != EACCES && errno != EPERM) continue;
      out.hidden.push_back(process);
      return;
    }
    const auto inode = socket_inode({target.data(), static_cast<std::size_t>(size)});
    if (!inode) continue;
    auto& holders = out.by_inode[*inode];
    if (holders.empty() || holders.back().process != process) holders.push_back({process, {}});
    holders.back().numbers.push_back(*number);
  }
}

// The beginning of a file of /proc: as much as one read gives, and more while `enough` is not content, up to `most`
// bytes.
template <class Enough>
std::string content_of(const std::string& path, std::size_t most, Enough enough) {
  std::string text;
  const owned_fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  std::array<char, 4096> block;
  while (file && text.size() < most && !enough(text)) {
    const ssize_t size = ::read(file.native_handle(), block.data(), block.size());
    if (size <= 0) break;
    text.append(block.data(), static_cast<std::size_t>(size));
  }
  return text;
}

}  // namespace

std::optional<socket_holders> find_socket_holders() {
  const folder all = opened("/proc");
  if (!all) return {};
  std::vector<pid_t> processes;
  while (const dirent* const entry = ::readdir(all.get())) {  // NOLINT(concurrency-mt-unsafe): as above
    if (const auto process = number_in<pid_t>(entry->d_name)) processes.push_back(*process);
  }
  std::ranges::sort(processes);
  socket_holders out;
  for (const pid_t process : processes) look_through(process, out);
  for (auto& [inode, holders] : out.by_inode) {
    for (auto& one : holders) std::ranges::sort(one.numbers);
  }
  return out;
}

std::string name_of_process(pid_t process) {
  std::string name = content_of(fmt::format("/proc/{}/comm", process), 1, [](const std::string&) { return false; });
  if (name.ends_with('\n')) name.pop_back();
  return name;
}

std::optional<std::uint64_t> descriptors_in_flight(pid_t process, int number, std::uint64_t inode) {
  const auto told = [](const std::string& text) { return detail::fdinfo_field(text, "scm_fds").has_value(); };
  const std::string text = content_of(fmt::format("/proc/{}/fdinfo/{}", process, number), bounds::fdinfo_bytes, told);
  if (detail::fdinfo_number<std::uint64_t>(text, "ino") != inode) return {};
  return detail::fdinfo_number<std::uint64_t>(text, "scm_fds");
}

}  // namespace scm::cli
