#include "inspect/socket_details.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"

#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>

#include <bit>
#include <cstring>

namespace scm::inline v0_1::detail {
namespace {

// The bytes as the structure of their family; a short name, which the kernel does not give, is filled up with zeros.
template <class Structure>
Structure as(const sockaddr_storage& name) noexcept {
  Structure out;
  std::memcpy(&out, &name, sizeof out);
  return out;
}

template <class Call>
socket_name name_from(Call call, borrowed_fd fd) noexcept {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (call(fd.native_handle(), reinterpret_cast<sockaddr*>(&name), &size) < 0) return {};
  return decode_socket_name(name, size);
}

}  // namespace

socket_name decode_socket_name(const sockaddr_storage& name, socklen_t size) noexcept {
  switch (name.ss_family) {
    case AF_UNIX: {
      const auto found = address::from_native(as<sockaddr_un>(name), size);
      return found ? socket_name{*found} : socket_name{};
    }
    case AF_INET: {
      const auto found = as<sockaddr_in>(name);
      return inet_name{std::bit_cast<std::array<std::uint8_t, 4>>(found.sin_addr), ntohs(found.sin_port)};
    }
    case AF_INET6: {
      const auto found = as<sockaddr_in6>(name);
      return inet6_name{std::bit_cast<std::array<std::uint8_t, 16>>(found.sin6_addr), ntohs(found.sin6_port),
                        found.sin6_scope_id};
    }
    case AF_NETLINK: {
      const auto found = as<sockaddr_nl>(name);
      return netlink_name{found.nl_pid, found.nl_groups};
    }
    case AF_VSOCK: {
      const auto found = as<sockaddr_vm>(name);
      return vsock_name{found.svm_cid, found.svm_port};
    }
    default:
      return {};
  }
}

result<int> socket_option(borrowed_fd fd, int name) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  if (sys::getsockopt(fd.native_handle(), SOL_SOCKET, name, &value, &size) < 0) return os_failure();
  if (size != sizeof value) return os_failure(EINVAL);
  return value;
}

std::optional<socket_description> describe_socket(borrowed_fd fd) noexcept {
  const auto family = socket_option(fd, SO_DOMAIN);
  if (!family) return {};
  socket_description out;
  out.family = *family;
  out.type = socket_option(fd, SO_TYPE).value_or(0);
  out.protocol = socket_option(fd, SO_PROTOCOL).value_or(0);
  out.listening = socket_option(fd, SO_ACCEPTCONN).value_or(0) != 0;
  out.local = name_from(sys::getsockname, fd);
  out.peer = name_from(sys::getpeername, fd);
  return out;
}

}  // namespace scm::inline v0_1::detail
