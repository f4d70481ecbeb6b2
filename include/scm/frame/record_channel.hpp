/// Records over a stream or seqpacket channel: bytes with their descriptors, any number of either, many to a message.
#pragma once

#include <scm/channel/seqpacket.hpp>
#include <scm/channel/stream.hpp>
#include <scm/core/descriptor_list.hpp>
#include <scm/frame/record.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace scm::inline v0_1 {

/// What waits to be sent.
struct waiting_records {
  std::size_t bytes = 0;  ///< Headers included.
  std::size_t descriptors = 0;
};

/// Both ends speak docs/wire.md. Threads: as `channel`, one may send while another receives. What is sent is packed:
/// a kernel message costs what one record costs, and carries as many as fit.
///
/// In an event loop: receive until EAGAIN, since records that came together need no further event; and wait for
/// writability as long as bytes are `waiting`.
class SCM_API record_channel {
 public:
  /// Takes over a channel on which nothing was sent or received yet, and the memory for whole packets. On error the
  /// caller still owns it. Errors: `not_enough_memory`; getsockopt(2)'s; `invalid_argument` for a seqpacket socket
  /// whose send buffer has no room for a packet's headers. Such a buffer must not be made smaller afterwards: a packet
  /// that does not fit is EMSGSIZE, again and again.
  [[nodiscard]] static result<record_channel> make(stream&& over, const record_bounds& bounds) noexcept;
  [[nodiscard]] static result<record_channel> make(seqpacket&& over, const record_bounds& bounds) noexcept;

  record_channel(record_channel&& other) noexcept;  ///< `other` can be assigned to, and nothing else.
  record_channel& operator=(record_channel&& other) noexcept;
  ~record_channel();

  /// For an event loop's wait.
  [[nodiscard]] borrowed_fd fd() const noexcept;
  [[nodiscard]] socket_type type() const noexcept;
  [[nodiscard]] peer_identity peer() const noexcept;

  /// Sends a record now, after what is queued; the descriptors stay open here. On success the record is the kernel's,
  /// or the last of its bytes are `waiting`, without descriptors, for a `flush`, which tells why if the connection has
  /// failed in between. On error the peer will not see it. Errors:
  /// sendmsg(2)'s, EAGAIN and `timed_out` among them; `too_many_in_flight`; `not_enough_memory`.
  [[nodiscard]] result<void> send(const_buffers bytes, borrowed_fds descriptors = {},
                                  deadline until = no_deadline) noexcept;

  /// The same for many records, in as few kernel messages as they fit. Returns how many were sent, from the first on;
  /// an error only if there are none, so that the error of the next one is told by the next call. A descriptor that
  /// cannot be sent refuses the records that share its message.
  [[nodiscard]] result<std::size_t> send_many(std::span<const outgoing_record> records,
                                              deadline until = no_deadline) noexcept;

  /// Queues a record: copies its bytes and takes its descriptors over, on success only; they are closed here once the
  /// kernel has them. Full messages are sent on the way, as far as that needs no wait; the rest by `flush`, or by the
  /// next `send`. Errors: `over_limit` for a record that can never be queued; EAGAIN or `timed_out` while the bounds
  /// leave no room; EBADF for a slot without a descriptor; `not_enough_memory`. A descriptor that the kernel does not
  /// pass (io_uring, A8) is found out when it is sent, and then stops the queue: each `flush` is EINVAL.
  [[nodiscard]] result<void> queue(const_buffers bytes, descriptor_list&& descriptors,
                                   deadline until = dont_wait) noexcept;
  [[nodiscard]] result<void> queue(const_buffers bytes, owned_fd&& descriptor, deadline until = dont_wait) noexcept;
  [[nodiscard]] result<void> queue(const_buffers bytes, deadline until = dont_wait) noexcept;

  /// Sends what waits. Errors as `send`; what the kernel did not take goes on waiting.
  [[nodiscard]] result<void> flush(deadline until = no_deadline) noexcept;
  [[nodiscard]] waiting_records waiting() const noexcept;

  /// The next record; many can come with one kernel message. Errors: those of docs/wire.md, after which everything that
  /// came is closed and each receive says the same; `abandoned`, after which the next record can be received;
  /// `end_of_file`; `channel::receive`'s. One that passes by itself (EAGAIN, `timed_out`, `no_headroom`,
  /// `not_enough_memory`) loses nothing.
  [[nodiscard]] result<record, record_error> receive(const receive_options& options = {}) noexcept;
  /// Never waits: EAGAIN when there is no whole record.
  [[nodiscard]] result<record, record_error> try_receive() noexcept { return receive({.until = dont_wait}); }

  /// As `receive`, of a record whose descriptors are what was agreed. Where one does not match, all of the record's are
  /// closed, and the next record can be received.
  [[nodiscard]] result<record, record_admission_error> receive(const admission& agreed,
                                                               const receive_options& options = {}) noexcept;

  /// shutdown(2) for sending, after a flush: the peer reads end of file after what was sent. What waits is not sent any
  /// more.
  [[nodiscard]] result<void> shutdown_send() noexcept;

 private:
  struct state;
  explicit record_channel(std::unique_ptr<state> made) noexcept;
  template <class Channel>
  static result<record_channel> make_over(Channel&& over, const record_bounds& bounds) noexcept;

  std::unique_ptr<state> state_;
};

}  // namespace scm::inline v0_1
