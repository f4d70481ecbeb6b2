/// Listeners: where streams and seqpacket channels are accepted.
#pragma once

#include <scm/channel/seqpacket.hpp>
#include <scm/channel/socket_file.hpp>
#include <scm/channel/stream.hpp>

#include <concepts>
#include <utility>

namespace scm::inline v0_1 {

struct listen_options {
  bind_options file{};
  /// Connections that wait to be accepted; the kernel's net.core.somaxconn bounds it.
  int backlog = 4096;
  /// Set before listening, so that every connection has them from its first byte on (kernel fact E4). Timestamps and
  /// queued bytes the kernel does not hand down: connections have them from `accept` on, and what was queued before is
  /// stamped when it is received.
  channel_options channel{};
};

namespace detail {
/// A listening socket of either type.
class SCM_API listening_socket {
 public:
  /// For an event loop's wait.
  [[nodiscard]] borrowed_fd fd() const noexcept { return fd_.get(); }
  [[nodiscard]] result<address> local_address() const noexcept;
  /// Leaves the socket's file behind, for a successor that holds the same socket, and gives up the lock beside it.
  void keep_file() noexcept { file_.keep(); }
  /// The same for a successor that has adopted the file, with its lock.
  void leave_file() noexcept { file_.leave(); }
  /// Removes this file with the listener from now on: that of an adopted socket.
  void take_file(socket_file&& file) noexcept { file_ = static_cast<socket_file&&>(file); }
  /// Its file, if one was made for it.
  [[nodiscard]] const socket_file& file() const noexcept { return file_; }

  listening_socket(listening_socket&&) noexcept = default;
  listening_socket& operator=(listening_socket&& other) noexcept;
  ~listening_socket() = default;

 protected:
  listening_socket(owned_fd&& fd, socket_file&& file, receive_items items, bool nonblocking) noexcept
      : fd_{std::move(fd)}, file_{std::move(file)}, items_{items}, nonblocking_{nonblocking} {}
  static result<listening_socket> listen(socket_type type, const address& at, const listen_options& options) noexcept;
  static result<listening_socket> take(owned_fd&& socket, socket_type type) noexcept;
  result<owned_fd> accept(deadline until, socket_type type) noexcept;

 private:
  owned_fd fd_;
  socket_file file_;
  receive_items items_;
  bool nonblocking_;
};
}  // namespace detail

/// Accepts channels of one type: `listener<seqpacket>` or `listener<stream>`.
template <class Channel>
  requires std::same_as<Channel, stream> || std::same_as<Channel, seqpacket>
class listener : public detail::listening_socket {
 public:
  /// Binds and listens; a file made for it has mode 0600 from the start and is removed with the listener. Errors:
  /// listen(2)'s and those of `socket_file::bind`: an address that somebody listens at is never taken away from them.
  [[nodiscard]] static result<listener> bind(const address& at, const listen_options& options = {}) noexcept {
    auto made = listen(type, at, options);
    if (!made) return std::unexpected{made.error()};
    return listener{std::move(*made)};
  }

  /// Takes over a listening socket (socket activation) after checking that it is one of this type; makes it
  /// close-on-exec. Its file is left alone. Connections have its items, but for queued bytes, which the kernel does not
  /// tell. On error the caller still owns it. Errors: `wrong_descriptor`, EBADF.
  [[nodiscard]] static result<listener> adopt(owned_fd&& socket) noexcept {
    auto taken = take(std::move(socket), type);
    if (!taken) return std::unexpected{taken.error()};
    return listener{std::move(*taken)};
  }

  /// The next connection, close-on-exec, with the items of the listener. Errors: accept4(2)'s; `timed_out`. EMFILE
  /// leaves the connection waiting. Where several processes accept from an adopted listener that is not O_NONBLOCK, a
  /// connection that another takes at the last moment makes this wait past its deadline.
  [[nodiscard]] result<Channel> accept(deadline until = no_deadline) noexcept {
    auto socket = listening_socket::accept(until, type);
    if (!socket) return std::unexpected{socket.error()};
    return Channel::adopt(std::move(*socket));
  }
  /// Never waits, but for the case above: EAGAIN when there is no connection.
  [[nodiscard]] result<Channel> try_accept() noexcept { return accept(dont_wait); }

 private:
  static constexpr socket_type type = std::same_as<Channel, stream> ? socket_type::stream : socket_type::seqpacket;
  explicit listener(listening_socket&& socket) noexcept : listening_socket{std::move(socket)} {}
};

}  // namespace scm::inline v0_1
