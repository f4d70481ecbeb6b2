/// What the three channels share: messages out, messages in, options, and who is at the other end.
#pragma once

#include <scm/channel/message.hpp>
#include <scm/channel/transfer.hpp>
#include <scm/core/address.hpp>
#include <scm/core/borrowed_fds.hpp>
#include <scm/core/buffer.hpp>
#include <scm/core/cmsg.hpp>
#include <scm/core/descriptor_list.hpp>
#include <scm/core/fd.hpp>
#include <scm/core/identity.hpp>

#include <sys/socket.h>

#include <cstddef>
#include <initializer_list>
#include <utility>

namespace scm::inline v0_1 {

/// The types of Unix sockets, by the kernel's numbers.
enum class socket_type : unsigned char { stream = SOCK_STREAM, datagram = SOCK_DGRAM, seqpacket = SOCK_SEQPACKET };

/// What the kernel can attach to each received message. Set it before the peer sends: what was queued earlier carries
/// pid 0 and the overflow ids (kernel fact E4).
enum class receive_item : unsigned char {
  credentials,   ///< SO_PASSCRED. A socket without a name that sends is given an abstract one (D10).
  pidfd,         ///< SO_PASSPIDFD (Linux 6.5). One more descriptor for each message; more than doubles its cost.
  label,         ///< SO_PASSSEC. `unsupported` without a labelling security module.
  timestamp,     ///< SO_TIMESTAMPNS. `unsupported` on streams, where the kernel accepts it and never tells (E2).
  queued_bytes,  ///< SO_INQ on AF_UNIX (Linux 6.18). Streams only.
};

/// All of them, to go through.
inline constexpr receive_item all_receive_items[] = {receive_item::credentials, receive_item::pidfd,
                                                     receive_item::label, receive_item::timestamp,
                                                     receive_item::queued_bytes};

/// A set of items: `receive_items{receive_item::credentials, receive_item::pidfd}`.
class receive_items {
 public:
  constexpr receive_items() noexcept = default;
  constexpr receive_items(std::initializer_list<receive_item> items) noexcept {
    for (const receive_item item : items) insert(item);
  }
  constexpr void insert(receive_item item) noexcept { bits_ |= bit(item); }
  [[nodiscard]] constexpr bool contains(receive_item item) const noexcept { return (bits_ & bit(item)) != 0; }

 private:
  static constexpr unsigned bit(receive_item item) noexcept { return 1U << static_cast<unsigned>(item); }
  unsigned bits_ = 0;
};

/// What a new socket has from before its first message on.
struct channel_options {
  receive_items items{};
  /// Off refuses descriptors (SO_PASSRIGHTS, Linux 6.16; else `unsupported`).
  bool accept_descriptors = true;
};

/// A connected or bound Unix socket; the base of `stream`, `datagram` and `seqpacket`.
///
/// Threads: one may send while another receives. Two senders, or two receivers, need a lock of their own; so do the
/// setters against receives. Every send is MSG_NOSIGNAL, every receive MSG_CMSG_CLOEXEC; O_NONBLOCK is neither set nor
/// needed, and where somebody else set it calls still wait as they are asked to. EINTR is retried.
class SCM_API channel {
 public:
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;

  /// For an event loop's wait and for getsockopt(2). Reading it with read(2) or recv(2) destroys descriptors that are
  /// queued (kernel fact B8), and MSG_PEEK installs them once for each peek (B12).
  [[nodiscard]] borrowed_fd fd() const noexcept { return fd_.get(); }
  [[nodiscard]] socket_type type() const noexcept { return type_; }
  /// Gives the socket up, to hand it on. A file that was made for a datagram channel still goes with the channel.
  [[nodiscard]] owned_fd release() && noexcept { return std::move(fd_); }

  /// Sends one message and returns the bytes taken: all of them, but for a stream, where fewer can be taken (the
  /// descriptors left with the first byte all the same; `stream::send_all` sends the rest without them). The
  /// descriptors stay open here. Errors, besides sendmsg(2)'s: `over_limit` for more than 253 descriptors, before
  /// the kernel is asked; `empty_message`; `too_many_in_flight`; `timed_out`. EBADF and EINVAL for a descriptor that
  /// is not open or that the kernel does not pass (io_uring, A8) send nothing.
  [[nodiscard]] result<std::size_t, send_error> send(const_buffers data, borrowed_fds descriptors = {},
                                                     const send_options& options = {}) noexcept;
  /// Sends and closes here what the kernel has taken: nothing on error, everything otherwise.
  [[nodiscard]] result<std::size_t, send_error> send_owned(const_buffers data, owned_fd& descriptor,
                                                           const send_options& options = {}) noexcept;
  [[nodiscard]] result<std::size_t, send_error> send_owned(const_buffers data, descriptor_list& descriptors,
                                                           const send_options& options = {}) noexcept;
  /// Never waits: EAGAIN when there is no room.
  [[nodiscard]] result<std::size_t, send_error> try_send(const_buffers data, borrowed_fds descriptors = {}) noexcept {
    return send(data, descriptors, {.until = dont_wait});
  }

  /// Receives one message of at most `max` descriptors (0 to 253), whole: bytes that do not fit (`payload_cut`),
  /// descriptors over the maximum (`over_limit`), dropped by the kernel (`descriptors_lost`) or `refused` are errors
  /// that leave nothing open. On a stream, a message is what one recvmsg(2) returns: at most one send's descriptors,
  /// but perhaps with bytes sent before them (kernel fact C1), and after a loss nothing more (`receive_side_dead`).
  /// `end_of_file` when the peer is gone. Errors, besides recvmsg(2)'s: `timed_out`; `not_enough_memory` and
  /// `no_headroom`, both before anything was received; `invalid_argument` for an empty buffer on a stream, which would
  /// detach descriptors from their bytes (C5).
  [[nodiscard]] result<message, receive_error> receive(mutable_buffers room, std::size_t max,
                                                       const receive_options& options = {}) noexcept;
  /// Never waits: EAGAIN when there is no message.
  [[nodiscard]] result<message, receive_error> try_receive(mutable_buffers room, std::size_t max) noexcept {
    return receive(room, max, {.until = dont_wait});
  }
  /// The same into a message that is used again, whatever it held before: memory that it took for more than 32
  /// descriptors is kept. It is empty after an error.
  [[nodiscard]] result<void, receive_error> receive(message& into, mutable_buffers room, std::size_t max,
                                                    const receive_options& options = {}) noexcept;
  /// As `receive`, of a message whose descriptors are what was agreed: where one does not match, all are closed, and a
  /// stream goes on. `over_limit` is for more than `agreed.most()`.
  [[nodiscard]] result<message, admission_error> receive(mutable_buffers room, const admission& agreed,
                                                         const receive_options& options = {}) noexcept;
  /// As `receive`, for callers that can use what is left of a message: what was lost is told in the message, refused
  /// slots keep their place in `descriptors`, and a stream goes on.
  [[nodiscard]] result<message, receive_error> receive_partial(mutable_buffers room, std::size_t max,
                                                               const receive_options& options = {}) noexcept;

  /// Has the kernel attach an item to each message received from now on, or not. Errors: `unsupported`.
  [[nodiscard]] result<void> set(receive_item item, bool on) noexcept;
  /// Whether peers may send descriptors here at all (SO_PASSRIGHTS, Linux 6.16). When not, their sends with
  /// descriptors fail with EPERM; what is queued still arrives (kernel fact E11). Errors: `unsupported`.
  [[nodiscard]] result<void> accept_descriptors(bool on) noexcept;
  /// SO_SNDBUF and SO_RCVBUF in bytes. The kernel doubles the number for its bookkeeping and holds it between its
  /// minimum and net.core.[rw]mem_max. A Unix socket's queue is bounded by the sender's SO_SNDBUF; SO_RCVBUF has no
  /// effect on it.
  [[nodiscard]] result<void> set_send_buffer(std::size_t bytes) noexcept;
  [[nodiscard]] result<void> set_receive_buffer(std::size_t bytes) noexcept;

  /// shutdown(2) for sending: the peer reads end of file after what is queued.
  [[nodiscard]] result<void> shutdown_send() noexcept;

  /// Who is at the other end, by the kernel's record of the connection (see `evidence::connection`).
  [[nodiscard]] peer_identity peer() const noexcept;
  /// Of that the process alone, for which nothing is opened or allocated.
  [[nodiscard]] result<credentials> connected_by() const noexcept;
  [[nodiscard]] result<address> local_address() const noexcept;
  [[nodiscard]] result<address> peer_address() const noexcept;

 protected:
  /// Takes a socket whose receive items are all off, as a new one's are.
  channel(owned_fd&& fd, socket_type type) noexcept : fd_{std::move(fd)}, type_{type} {}
  /// Takes a socket whose items are as `enabled` says.
  channel(owned_fd&& fd, socket_type type, control_room enabled) noexcept
      : fd_{std::move(fd)}, enabled_{enabled}, type_{type} {}
  channel(channel&&) noexcept = default;
  channel& operator=(channel&&) noexcept = default;
  ~channel() = default;

 private:
  friend struct detail::receiver;

  owned_fd fd_;
  control_room enabled_;  // the room that enabled items need in each receive; its rights are 0
  socket_type type_;
  bool receive_side_dead_ = false;
};

}  // namespace scm::inline v0_1
