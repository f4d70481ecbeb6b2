/// Who is at the other end, by the kernel's record of the connection.
#include "channel/socket.hpp"
#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "core/uapi.hpp"

#include <algorithm>

namespace scm::inline v0_1 {
namespace {

std::unexpected<std::error_code> failed(int number) noexcept { return std::unexpected{detail::option_error(number)}; }

result<credentials> peer_credentials(int fd) noexcept {
  ucred native{};
  socklen_t size = sizeof native;
  if (sys::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &native, &size) != 0) return failed(errno);
  // A socket that never had a peer answers with pid 0 and uid -1 (kernel fact E10): nobody, not somebody.
  if (native.uid == static_cast<uid_t>(-1)) return failed(ENODATA);
  return credentials{native.pid, native.uid, native.gid};
}

result<owned_fd> peer_pidfd(int fd) noexcept {
  int number = -1;
  socklen_t size = sizeof number;
  if (sys::getsockopt(fd, SOL_SOCKET, uapi::so_peerpidfd, &number, &size) != 0) return failed(errno);
  if (number < 0) return failed(ENODATA);  // a success that brought none is nobody
  return owned_fd{number};
}

result<std::vector<gid_t>> peer_groups(int fd) noexcept {
  std::vector<gid_t> groups;
  for (;;) {
    const std::size_t room = groups.size() * sizeof(gid_t);
    auto size = static_cast<socklen_t>(room);
    const bool done = sys::getsockopt(fd, SOL_SOCKET, uapi::so_peergroups, groups.data(), &size) == 0;
    if (!done && errno != ERANGE) return failed(errno);
    const std::size_t count = size / sizeof(gid_t);
    if (count > limits::peer_groups) return std::unexpected{make_error_code(errc::over_limit)};
    if (!done && count <= groups.size()) return failed(ERANGE);  // a second ERANGE must ask for more
    try {
      groups.resize(count);
    } catch (...) {
      return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
    }
    if (done) return groups;
  }
}

result<security_label> peer_label(int fd) noexcept {
  char text[limits::label_bytes + 1];
  socklen_t size = sizeof text;
  if (sys::getsockopt(fd, SOL_SOCKET, uapi::so_peersec, text, &size) != 0) {
    if (errno == ERANGE) return std::unexpected{make_error_code(errc::over_limit)};
    return failed(errno);
  }
  std::string_view label{text, std::min<std::size_t>(size, sizeof text)};
  if (label.ends_with('\0')) label.remove_suffix(1);
  if (label.size() > limits::label_bytes) return std::unexpected{make_error_code(errc::over_limit)};
  return security_label{label};
}

}  // namespace

peer_identity channel::peer() const noexcept {
  const int fd = fd_.native_handle();
  return {{peer_credentials(fd), evidence::connection},
          {peer_pidfd(fd), evidence::connection},
          {peer_groups(fd), evidence::connection},
          {peer_label(fd), evidence::connection}};
}

result<credentials> channel::connected_by() const noexcept { return peer_credentials(fd_.native_handle()); }

result<address> channel::local_address() const noexcept { return detail::name_of(fd()); }

result<address> channel::peer_address() const noexcept {
  sockaddr_un native{};
  socklen_t size = sizeof native;
  if (sys::getpeername(fd_.native_handle(), reinterpret_cast<sockaddr*>(&native), &size) != 0) {
    return detail::os_failure();
  }
  return address::from_native(native, size);
}

}  // namespace scm::inline v0_1
