/// The name of one end of a socket, of those families whose names can be read.
#pragma once

#include <scm/core/address.hpp>
#include <scm/core/limits.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

namespace scm::inline v0_1 {

/// ip(7): four bytes in network order; the port as a number.
struct inet_name {
  std::array<std::uint8_t, 4> host;
  std::uint16_t port;
  friend bool operator==(const inet_name&, const inet_name&) noexcept = default;
};

/// ipv6(7): sixteen bytes in network order, the port, and the interface a link-local address belongs to, or 0.
struct inet6_name {
  std::array<std::uint8_t, 16> host;
  std::uint16_t port;
  std::uint32_t scope;
  friend bool operator==(const inet6_name&, const inet6_name&) noexcept = default;
};

/// netlink(7): the kernel is port 0; `groups` holds the first 32 multicast groups.
struct netlink_name {
  std::uint32_t port;
  std::uint32_t groups;
  friend bool operator==(const netlink_name&, const netlink_name&) noexcept = default;
};

/// vsock(7): context and port. 0xffffffff is "any" for both.
struct vsock_name {
  std::uint32_t context;
  std::uint32_t port;
  friend bool operator==(const vsock_name&, const vsock_name&) noexcept = default;
};

/// No value (monostate): there is none, as for the peer of a socket that is not connected, or the family is another.
using socket_name = std::variant<std::monostate, address, inet_name, inet6_name, netlink_name, vsock_name>;

class socket_name_text;

/// "127.0.0.1:80", "[fe80::1%3]:80", "port 7 groups 0x1", "context 2 port 80"; for Unix sockets `address::text`; empty
/// for no value. Numbers only: nothing is looked up.
[[nodiscard]] SCM_API socket_name_text text_of(const socket_name& name) noexcept;

/// A socket's name in words that are safe on a terminal.
class socket_name_text {
 public:
  [[nodiscard]] std::string_view view() const noexcept { return {chars_.data(), size_}; }

 private:
  friend socket_name_text text_of(const socket_name& name) noexcept;
  std::array<char, 4 * limits::address_bytes + 8> chars_;
  std::size_t size_ = 0;
};

}  // namespace scm::inline v0_1
