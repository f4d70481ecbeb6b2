#include <scm/netlink/netlink_reply.hpp>
#include <scm/netlink/unix_sockets.hpp>

#include "core/os_error.hpp"

#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#include <cstring>

namespace scm::inline v0_1 {
namespace {

// The kernel's states of a Unix socket are some of TCP's (net/tcp_states.h, which it does not export).
constexpr std::uint8_t tcp_established = 1;
constexpr std::uint8_t tcp_close = 7;
constexpr std::uint8_t tcp_listen = 10;

unix_socket_state state_of(std::uint8_t number) noexcept {
  switch (number) {
    case tcp_established:
      return unix_socket_state::connected;
    case tcp_close:
      return unix_socket_state::unconnected;
    case tcp_listen:
      return unix_socket_state::listening;
    default:
      return unix_socket_state::unknown;
  }
}

// The bytes of sun_path as far as the address goes: a leading NUL is an abstract name's, one at the end a path's own.
result<address> address_of(std::span<const std::byte> bytes) noexcept {
  std::string_view name{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  if (name.empty()) return address{};
  if (name.front() == '\0') return address::abstract(name.substr(1));
  return address::path(name.substr(0, name.find('\0')));
}

// Reads one attribute; false when it breaks the rules of its type.
bool take(unix_socket& into, const netlink_attribute& attribute) {
  switch (attribute.type) {
    case UNIX_DIAG_NAME: {
      const auto name = address_of(attribute.payload);
      if (name) into.address = *name;
      return name.has_value();
    }
    case UNIX_DIAG_VFS:
      if (attribute.payload.size() != sizeof(unix_diag_vfs)) return false;
      into.bound_file.emplace(detail::load<std::uint32_t>(attribute.payload, offsetof(unix_diag_vfs, udiag_vfs_ino)),
                              detail::load<std::uint32_t>(attribute.payload, offsetof(unix_diag_vfs, udiag_vfs_dev)));
      return true;
    case UNIX_DIAG_PEER:
      into.peer = attribute.number<std::uint32_t>();
      return into.peer.has_value();
    case UNIX_DIAG_ICONS: {
      constexpr std::size_t one = sizeof(std::uint32_t);
      if (attribute.payload.size() % one != 0) return false;
      into.pending.clear();
      into.pending.reserve(attribute.payload.size() / one);
      for (std::size_t at = 0; at != attribute.payload.size(); at += one) {
        into.pending.push_back(detail::load<std::uint32_t>(attribute.payload, at));
      }
      return true;
    }
    case UNIX_DIAG_RQLEN:
      if (attribute.payload.size() != sizeof(unix_diag_rqlen)) return false;
      into.queued.emplace(detail::load<std::uint32_t>(attribute.payload, offsetof(unix_diag_rqlen, udiag_rqueue)),
                          detail::load<std::uint32_t>(attribute.payload, offsetof(unix_diag_rqlen, udiag_wqueue)));
      return true;
    case UNIX_DIAG_SHUTDOWN: {
      const auto bits = attribute.number<std::uint8_t>();
      if (!bits) return false;
      into.receives = (*bits & 1) == 0;  // RCV_SHUTDOWN and SEND_SHUTDOWN of net/sock.h
      into.sends = (*bits & 2) == 0;
      return true;
    }
    case UNIX_DIAG_UID:
      into.user = attribute.number<std::uint32_t>();
      return into.user.has_value();
    default:
      return true;
  }
}

struct everything {
  result<unix_socket_list, netlink_error> operator()(netlink_socket& socket) const noexcept {
    auto batch = netlink_batch::make(datagrams, limits::netlink_datagram_bytes);
    if (!batch) return std::unexpected{netlink_error{batch.error()}};
    for (int attempt = 1;; ++attempt) {
      auto got = once(socket, *batch);
      if (!got || !got->inconsistent || attempt == limits::netlink_dump_attempts) return got;
    }
  }

  result<unix_socket_list, netlink_error> once(netlink_socket& socket, netlink_batch& batch) const noexcept {
    unix_diag_req request{};
    request.sdiag_family = AF_UNIX;
    request.udiag_states = ~0U;
    request.udiag_show =
        UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID;
    const auto sequence = socket.request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, std::as_bytes(std::span{&request, 1}), until);
    if (!sequence) return std::unexpected{netlink_error{sequence.error()}};

    unix_socket_list out;
    netlink_reply reply{socket, batch, *sequence, until};
    for (;;) {
      const auto message = reply.next();
      if (!message) {
        // The kernel is built without, or its module is not there (any more).
        if (message.error().code() == std::errc::no_such_file_or_directory) {
          return std::unexpected{netlink_error{make_error_code(errc::unsupported)}};
        }
        return std::unexpected{message.error()};
      }
      if (!*message) break;
      if ((*message)->type != SOCK_DIAG_BY_FAMILY) continue;
      if (out.sockets.size() == most) return std::unexpected{netlink_error{make_error_code(errc::over_limit)}};
      auto one = decode_unix_socket(**message);
      if (!one) return std::unexpected{one.error()};
      try {
        out.sockets.push_back(*std::move(one));
      } catch (...) {
        return std::unexpected{netlink_error{std::make_error_code(std::errc::not_enough_memory)}};
      }
    }
    out.inconsistent = reply.inconsistent();
    return out;
  }

  static constexpr std::size_t datagrams = 8;  // as many as the kernel makes before its receive buffer is full
  deadline until;
  std::size_t most;
};

}  // namespace

std::string_view name_of(unix_socket_state state) noexcept {
  switch (state) {
    case unix_socket_state::unconnected:
      return "unconnected";
    case unix_socket_state::connected:
      return "connected";
    case unix_socket_state::listening:
      return "listening";
    case unix_socket_state::unknown:
      break;
  }
  return "unknown";
}

result<unix_socket, netlink_error> decode_unix_socket(const netlink_message& message) noexcept {
  const auto fault = [&](parse_error::fault what) {
    return std::unexpected{netlink_error{parse_error{what, message.offset}}};
  };
  const auto bytes = message.payload;
  if (bytes.size() < sizeof(unix_diag_msg)) return fault(parse_error::fault::payload_size);
  if (detail::load<std::uint8_t>(bytes, offsetof(unix_diag_msg, udiag_family)) != AF_UNIX) {
    return fault(parse_error::fault::payload_value);
  }
  unix_socket out;
  out.type = detail::load<std::uint8_t>(bytes, offsetof(unix_diag_msg, udiag_type));
  out.state = state_of(detail::load<std::uint8_t>(bytes, offsetof(unix_diag_msg, udiag_state)));
  out.inode = detail::load<std::uint32_t>(bytes, offsetof(unix_diag_msg, udiag_ino));
  const std::size_t cookie = offsetof(unix_diag_msg, udiag_cookie);
  out.cookie = detail::load<std::uint32_t>(bytes, cookie) |
               std::uint64_t{detail::load<std::uint32_t>(bytes, cookie + sizeof(std::uint32_t))} << 32;
  netlink_attribute_walk walk{bytes, sizeof(unix_diag_msg)};
  try {
    while (const auto attribute = walk.next()) {
      if (!take(out, *attribute)) return fault(parse_error::fault::payload_size);
    }
  } catch (...) {
    return std::unexpected{netlink_error{std::make_error_code(std::errc::not_enough_memory)}};
  }
  if (walk.error()) return fault(walk.error()->what);
  return out;
}

result<unix_socket_list, netlink_error> list_unix_sockets(deadline until, std::size_t most) noexcept {
  auto socket = netlink_socket::open(netlink_family::sock_diag);
  if (!socket) return std::unexpected{netlink_error{socket.error()}};
  return list_unix_sockets(*socket, until, most);
}

result<unix_socket_list, netlink_error> list_unix_sockets(netlink_socket& asked, deadline until,
                                                          std::size_t most) noexcept {
  return everything{until, most}(asked);
}

}  // namespace scm::inline v0_1
