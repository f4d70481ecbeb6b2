/// Many messages out with one system call (sendmmsg(2)), from room that is taken once.
#pragma once

#include <scm/channel/channel.hpp>
#include <scm/channel/datagram.hpp>
#include <scm/channel/seqpacket.hpp>

#include <cstddef>
#include <memory>
#include <optional>

namespace scm::inline v0_1 {

/// What may go with one message of a batch.
struct batch_entry {
  const address* to = nullptr;      ///< Datagrams only: to there; borrowed until the message is sent.
  std::optional<credentials> as{};  ///< As `send_options::as`.
};

/// Messages that go out together:
///
///     auto batch = send_batch::make(32, 1).value();  // messages, and descriptors of each
///     while (there_is_more() && batch.size() != batch.capacity()) batch.add(text, {file}).value();
///     while (!batch.empty()) batch.send(through).value();
///
/// Bytes, addresses and descriptors are borrowed: they must be there, and open, until their message is sent. Nothing is
/// closed. Threads: as a value; the channel's sending side is used by one thread at a time.
class SCM_API send_batch {
 public:
  /// Room for 1 to 1024 messages of at most `max` descriptors (0 to 253) and `buffers` buffers (1 to 1024) each.
  /// Everything is allocated here. Errors: `invalid_argument` for another number of messages or buffers;
  /// `not_enough_memory`.
  [[nodiscard]] static result<send_batch> make(std::size_t messages, std::size_t max, std::size_t buffers = 1) noexcept;

  send_batch(send_batch&& other) noexcept;  ///< `other` has no room afterwards.
  send_batch& operator=(send_batch&& other) noexcept;
  ~send_batch();

  /// Puts a message behind those that are there. Errors: `over_limit` for more descriptors, buffers or messages than
  /// there is room for. The room of messages that were sent is used again once all are.
  [[nodiscard]] result<void> add(const_buffers data, borrowed_fds descriptors = {},
                                 const batch_entry& with = {}) noexcept;

  /// Sends what the kernel takes at once, from the first message on, and says how many messages that were: those are
  /// gone from the batch, whole, and never sent again. Waits for room for the first alone; without a deadline the
  /// kernel waits for the others too. 0 for an empty batch.
  ///
  /// An error is that of the first message, and none was sent: one behind it ends the count, and is told by the next
  /// send (kernel fact F1), if the kernel tells it twice: ECONNRESET may have become EPIPE by then, and ECONNREFUSED
  /// ENOTCONN. Errors: as `channel::send`, `empty_message` included; EISCONN for an address on a seqpacket channel,
  /// which the kernel would ignore. `skip` goes on behind a message that cannot be sent.
  [[nodiscard]] result<std::size_t, send_error> send(datagram& through, deadline until = no_deadline) noexcept;
  [[nodiscard]] result<std::size_t, send_error> send(seqpacket& through, deadline until = no_deadline) noexcept;
  /// Never waits: EAGAIN when there is no room.
  template <class Channel>
  [[nodiscard]] result<std::size_t, send_error> try_send(Channel& through) noexcept {
    return send(through, dont_wait);
  }

  /// The messages that are not sent.
  [[nodiscard]] std::size_t size() const noexcept { return end_ - first_; }
  [[nodiscard]] bool empty() const noexcept { return end_ == first_; }
  /// The most messages that can be there together.
  [[nodiscard]] std::size_t capacity() const noexcept;

  /// Drops the first message that is not sent, if there is one.
  void skip() noexcept { drop(empty() ? 0 : 1); }
  /// Drops all.
  void clear() noexcept { drop(size()); }

 private:
  struct vectors;  // what the kernel is given
  send_batch() noexcept;
  void drop(std::size_t count) noexcept {
    first_ += count;
    if (first_ == end_) first_ = end_ = 0;
  }
  result<std::size_t, send_error> send_through(channel& at, deadline until) noexcept;

  std::unique_ptr<vectors> vectors_;
  std::size_t first_ = 0;  // not sent
  std::size_t end_ = 0;
};

}  // namespace scm::inline v0_1
