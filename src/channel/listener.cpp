#include <scm/channel/listener.hpp>

#include "channel/socket.hpp"
#include "channel/wait.hpp"
#include "core/os_error.hpp"
#include "core/sys.hpp"

namespace scm::inline v0_1::detail {

result<listening_socket> listening_socket::listen(socket_type type, const address& at,
                                                  const listen_options& options) noexcept {
  // The description is made here, so O_NONBLOCK harms nobody: accept4(2) has no flag of its own against waiting.
  auto socket = open_socket(type, options.channel, SOCK_NONBLOCK);
  if (!socket) return std::unexpected{socket.error()};
  auto file = socket_file::bind(socket->get(), at, options.file);
  if (!file) return std::unexpected{file.error()};
  if (sys::listen(socket->native_handle(), options.backlog) != 0) return os_failure();
  return listening_socket{std::move(*socket), std::move(*file), options.channel.items, true};
}

result<listening_socket> listening_socket::take(owned_fd&& socket, socket_type type) noexcept {
  if (auto checked = check_socket(socket.get(), type, true); !checked) return std::unexpected{checked.error()};
  const auto items = enabled_items(socket);
  if (!items) return std::unexpected{items.error()};
  return listening_socket{std::move(socket), socket_file{}, *items, false};
}

result<address> listening_socket::local_address() const noexcept { return name_of(fd()); }

listening_socket& listening_socket::operator=(listening_socket&& other) noexcept {
  file_ = std::move(other.file_);  // first: a file is told to be its own while its socket is open
  fd_ = std::move(other.fd_);
  items_ = other.items_;
  nonblocking_ = other.nonblocking_;
  return *this;
}

result<owned_fd> listening_socket::accept(deadline until, socket_type type) noexcept {
  waiter wait{until};
  for (;;) {
    // An adopted listener may be a waiting one, and stays it: with a deadline poll comes first.
    if (!wait.forever() && !nonblocking_) {
      if (const auto none = wait.before(fd(), POLLIN)) return std::unexpected{none};
    }
    const int number = sys::accept4(fd_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC);
    if (number >= 0) {
      owned_fd socket{number};
      for (const receive_item item : {receive_item::timestamp, receive_item::queued_bytes}) {
        if (!items_.contains(item)) continue;
        if (auto set = set_item(socket, type, item, true); !set) return std::unexpected{set.error()};
      }
      return socket;
    }
    const int failure = errno;
    std::error_code give_up = os_error(failure);
    if (failure == EINTR || failure == ECONNABORTED) give_up = wait.interrupted();
    if (failure == EAGAIN) give_up = wait.ready(fd(), POLLIN);
    if (give_up) return std::unexpected{give_up};
  }
}

}  // namespace scm::inline v0_1::detail
