/// Datagram channels: one send is one message, to a fixed peer or to any address.
#pragma once

#include <scm/channel/channel.hpp>
#include <scm/channel/socket_file.hpp>

#include <utility>

namespace scm::inline v0_1 {

/// There is no end of file: a receive without a deadline waits for ever once the peer is gone (kernel fact D5). (Only
/// where another holder of the description shuts it down for receiving is `end_of_file` reported.)
///
/// A send that fails because the connected peer is gone (ECONNREFUSED) makes the kernel destroy what is queued here,
/// descriptors included (D6): receive what there is before sending to a peer that may have died. A full peer that is
/// not connected gives no event to poll for (D8): waiting sends then sleep 1 to 50 ms between attempts.
class SCM_API datagram : public channel {
 public:
  datagram(datagram&&) noexcept = default;
  datagram& operator=(datagram&& other) noexcept;
  ~datagram() = default;

  /// Two ends connected to each other (socketpair(2)).
  [[nodiscard]] static result<std::pair<datagram, datagram>> pair() noexcept;

  /// An unbound, unconnected socket, to send from.
  [[nodiscard]] static result<datagram> open(const channel_options& options = {}) noexcept;

  /// A socket that receives at `at`; the unnamed address lets the kernel choose an abstract one. A file made for it is
  /// removed with the channel. Errors: as `socket_file::bind`.
  [[nodiscard]] static result<datagram> bind(const address& at, const bind_options& file = {},
                                             const channel_options& options = {}) noexcept;

  /// A socket that sends to `to` and receives from there alone. Errors: connect(2)'s.
  [[nodiscard]] static result<datagram> connect(const address& to, const channel_options& options = {}) noexcept;

  /// Takes over an inherited or received socket after checking that it is a datagram Unix socket; makes it
  /// close-on-exec and finds out which items its last user enabled. On error the caller still owns it. Errors:
  /// `wrong_descriptor`, EBADF.
  [[nodiscard]] static result<datagram> adopt(owned_fd&& socket) noexcept;

  /// As `send`, to an address. On a connected socket to another address than its peer's.
  [[nodiscard]] result<std::size_t, send_error> send_to(const address& to, const_buffers data,
                                                        borrowed_fds descriptors = {},
                                                        const send_options& options = {}) noexcept;

  /// Its file, if one was made for it.
  [[nodiscard]] const socket_file& file() const noexcept { return file_; }

 private:
  using channel::channel;

  socket_file file_;
};

}  // namespace scm::inline v0_1
