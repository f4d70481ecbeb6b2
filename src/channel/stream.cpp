#include <scm/channel/stream.hpp>

#include "channel/socket.hpp"

namespace scm::inline v0_1 {

result<std::pair<stream, stream>> stream::pair() noexcept {
  auto ends = detail::open_pair(socket_type::stream);
  if (!ends) return std::unexpected{ends.error()};
  return std::pair{stream{std::move(ends->first), socket_type::stream},
                   stream{std::move(ends->second), socket_type::stream}};
}

result<stream> stream::connect(const address& to, deadline until, const channel_options& options) noexcept {
  auto socket = detail::open_connected(socket_type::stream, to, until, options);
  if (!socket) return std::unexpected{socket.error()};
  return stream{std::move(*socket), socket_type::stream, detail::room_for(options.items)};
}

result<stream> stream::adopt(owned_fd&& socket) noexcept {
  if (auto checked = detail::check_socket(socket.get(), socket_type::stream, false); !checked) {
    return std::unexpected{checked.error()};
  }
  const auto enabled = detail::enabled_room(socket, socket_type::stream);
  if (!enabled) return std::unexpected{enabled.error()};
  return stream{std::move(socket), socket_type::stream, *enabled};
}

}  // namespace scm::inline v0_1
