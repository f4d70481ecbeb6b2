#include <scm/channel/datagram.hpp>

#include "channel/send.hpp"
#include "channel/socket.hpp"

namespace scm::inline v0_1 {

result<std::pair<datagram, datagram>> datagram::pair() noexcept {
  auto ends = detail::open_pair(socket_type::datagram);
  if (!ends) return std::unexpected{ends.error()};
  return std::pair{datagram{std::move(ends->first), socket_type::datagram},
                   datagram{std::move(ends->second), socket_type::datagram}};
}

datagram& datagram::operator=(datagram&& other) noexcept {
  file_ = std::move(other.file_);  // first: a file is told to be its own while its socket is open
  channel::operator=(std::move(other));
  return *this;
}

result<datagram> datagram::open(const channel_options& options) noexcept {
  auto socket = detail::open_socket(socket_type::datagram, options);
  if (!socket) return std::unexpected{socket.error()};
  return datagram{std::move(*socket), socket_type::datagram, detail::room_for(options.items)};
}

result<datagram> datagram::bind(const address& at, const bind_options& file, const channel_options& options) noexcept {
  auto made = open(options);
  if (!made) return made;
  auto bound = socket_file::bind(made->fd(), at, file);
  if (!bound) return std::unexpected{bound.error()};
  made->file_ = std::move(*bound);
  return made;
}

result<datagram> datagram::connect(const address& to, const channel_options& options) noexcept {
  auto socket = detail::open_connected(socket_type::datagram, to, no_deadline, options);
  if (!socket) return std::unexpected{socket.error()};
  return datagram{std::move(*socket), socket_type::datagram, detail::room_for(options.items)};
}

result<datagram> datagram::adopt(owned_fd&& socket) noexcept {
  if (auto checked = detail::check_socket(socket.get(), socket_type::datagram, false); !checked) {
    return std::unexpected{checked.error()};
  }
  const auto enabled = detail::enabled_room(socket, socket_type::datagram);
  if (!enabled) return std::unexpected{enabled.error()};
  return datagram{std::move(socket), socket_type::datagram, *enabled};
}

result<std::size_t, send_error> datagram::send_to(const address& to, const_buffers data, borrowed_fds descriptors,
                                                  const send_options& options) noexcept {
  return detail::send_message(fd(), socket_type::datagram, &to, data, descriptors.span(), options);
}

}  // namespace scm::inline v0_1
