#include <scm/channel/seqpacket.hpp>

#include "channel/socket.hpp"

namespace scm::inline v0_1 {

result<std::pair<seqpacket, seqpacket>> seqpacket::pair() noexcept {
  auto ends = detail::open_pair(socket_type::seqpacket);
  if (!ends) return std::unexpected{ends.error()};
  return std::pair{seqpacket{std::move(ends->first), socket_type::seqpacket},
                   seqpacket{std::move(ends->second), socket_type::seqpacket}};
}

result<seqpacket> seqpacket::connect(const address& to, deadline until, const channel_options& options) noexcept {
  auto socket = detail::open_connected(socket_type::seqpacket, to, until, options);
  if (!socket) return std::unexpected{socket.error()};
  return seqpacket{std::move(*socket), socket_type::seqpacket, detail::room_for(options.items)};
}

result<seqpacket> seqpacket::adopt(owned_fd&& socket) noexcept {
  if (auto checked = detail::check_socket(socket.get(), socket_type::seqpacket, false); !checked) {
    return std::unexpected{checked.error()};
  }
  const auto enabled = detail::enabled_room(socket, socket_type::seqpacket);
  if (!enabled) return std::unexpected{enabled.error()};
  return seqpacket{std::move(socket), socket_type::seqpacket, *enabled};
}

}  // namespace scm::inline v0_1
