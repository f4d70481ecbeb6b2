#include "cli/socket_holders.hpp"

#include "cli/bounds.hpp"
#include "core/sys.hpp"
#include "inspect/fdinfo.hpp"

#include <scm/core/fd.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <string_view>

namespace scm::cli {
namespace {

// "socket:[123]"
std::optional<std::uint64_t> socket_inode(std::string_view target) {
  constexpr std::string_view before = "socket:[";
  if (!target.starts_with(before) || !target.ends_with(']')) return {};
  target = target.substr(before.size(), target.size() - before.size() - 1);
  std::uint64_t inode = 0;
  const auto [stop, error] = std::from_chars(target.data(), target.data() + target.size(), inode);
  if (error != std::errc{} || stop != target.data() + target.size()) return {};
  return inode;
}

void look_through(pid_t process, socket_holders& out) {
  const auto hidden = [](int number) { return number == EACCES || number == EPERM; };
  const auto directory = fmt::format("/proc/{}/fd", process);
  const auto numbers = numbers_in(directory);
  if (!numbers) {
    if (hidden(numbers.error().value())) out.hidden.push_back(process);
    return;
  }
  // From there on: the way to it is most of what a name costs.
  const owned_fd at{::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!at) return;
  for (const int number : *numbers) {
    std::array<char, 64> target;  // longer ones are no socket's
    std::array<char, 16> name{};
    std::to_chars(name.data(), name.data() + name.size() - 1, number);
    const ssize_t size = ::readlinkat(at.native_handle(), name.data(), target.data(), target.size());
    if (size < 0) {
      if (!hidden(errno)) continue;
      out.hidden.push_back(process);
      return;
    }
    const auto inode = socket_inode({target.data(), static_cast<std::size_t>(size)});
    if (!inode) continue;
    auto& holders = out.by_inode[*inode];
    if (holders.empty() || holders.back().process != process) holders.push_back({process, {}});
    holders.back().numbers.push_back(number);
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

result<socket_holders> find_socket_holders() {
  auto processes = numbers_in("/proc");
  if (!processes) return std::unexpected{processes.error()};
  std::ranges::sort(*processes);
  socket_holders out;
  for (const pid_t process : *processes) look_through(process, out);
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

std::optional<credentials> credentials_of_peer(const process_table& process, int number, std::uint64_t inode) {
  const auto fetched = process.fetch(number);
  if (!fetched) return {};
  struct stat status{};
  if (sys::fstat(fetched->native_handle(), status) != 0 || !S_ISSOCK(status.st_mode) || status.st_ino != inode)
    return {};
  ucred peer{};
  socklen_t size = sizeof peer;
  if (sys::getsockopt(fetched->native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  if (size != sizeof peer || peer.uid == static_cast<uid_t>(-1)) return {};
  return credentials{peer.pid, peer.uid, peer.gid};
}

}  // namespace scm::cli
