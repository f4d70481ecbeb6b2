/// Many messages in with one system call (recvmmsg(2)), into room that is taken once.
#pragma once

#include <scm/channel/channel.hpp>
#include <scm/channel/datagram.hpp>
#include <scm/channel/seqpacket.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace scm::inline v0_1 {

/// One message of a batch.
struct received {
  message content;                    ///< Take out of it what is to live longer than the batch's next receive.
  std::span<const std::byte> bytes;   ///< The message's, in the batch's room; overwritten by the next receive.
  std::optional<receive_error> loss;  ///< Why this message is not handed out; then it has no bytes and nothing is open.
};

/// Room for many messages, used again by each receive:
///
///     auto batch = receive_batch::make(32, 512, 1).value();  // messages, bytes and descriptors of each
///     while (batch.receive(from)) {
///       for (received& one : batch) {
///         if (!one.loss) use(one.bytes, one.content.descriptors.take(0));
///       }
///     }
///
/// What is left in it is closed by the next receive, by `clear`, or with the batch: all of it together, numbers that
/// follow each other with one system call. All descriptors of a batch are open at once: messages times descriptors.
///
/// Threads: as a value. The channel's receiving side is used by one thread at a time.
class SCM_API receive_batch {
 public:
  /// Room for 1 to 1024 messages of `bytes` bytes and at most `max` descriptors (0 to 253) each. Everything is
  /// allocated here, and no receive allocates (but for room that was moved away with a message of more than 32
  /// descriptors). Errors: `invalid_argument` for another number of messages; `not_enough_memory`.
  [[nodiscard]] static result<receive_batch> make(std::size_t messages, std::size_t bytes, std::size_t max) noexcept;

  receive_batch(receive_batch&& other) noexcept;  ///< `other` has no room afterwards, and receives nothing.
  receive_batch& operator=(receive_batch&& other) noexcept;
  ~receive_batch();

  /// Receives the messages that are there, as many as fit, and says how many: 1 at least. Waits for the first alone.
  /// Everything that came is owned before anything is judged, and each message by itself, as `channel::receive` does:
  /// one that was cut or over the limit has a `loss`, the others are whole.
  ///
  /// `end_of_file` is told by a receive of its own, after the messages. What merely looks like one since it is empty
  /// (see `channel::receive`) and has messages behind it is an `end_of_file` in the `loss` of that message.
  ///
  /// With a reserve, no more messages are asked for than there are free slots for, whatever comes with them; for not
  /// even one it is `no_headroom`. Errors, before anything was received: those of `channel::receive`. An error that the
  /// kernel meets behind the first message is told by the next receive (kernel fact F5).
  [[nodiscard]] result<std::size_t, receive_error> receive(datagram& from,
                                                           const receive_options& options = {}) noexcept;
  [[nodiscard]] result<std::size_t, receive_error> receive(seqpacket& from,
                                                           const receive_options& options = {}) noexcept;
  /// Never waits: EAGAIN when there is no message.
  template <class Channel>
  [[nodiscard]] result<std::size_t, receive_error> try_receive(Channel& from) noexcept {
    return receive(from, {.until = dont_wait});
  }

  /// The messages of the last receive, in order; none after one that failed.
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  /// `index` must be below `size()`.
  [[nodiscard]] received& operator[](std::size_t index) & noexcept { return messages_[index]; }
  [[nodiscard]] received* begin() & noexcept { return messages_.data(); }
  [[nodiscard]] received* end() & noexcept { return messages_.data() + count_; }
  /// The most messages that one receive can return.
  [[nodiscard]] std::size_t capacity() const noexcept { return messages_.size(); }

  /// Closes what is left, and forgets the messages.
  void clear() noexcept;

 private:
  struct vectors;  // what the kernel is given and gives
  receive_batch() noexcept;
  result<std::size_t, receive_error> receive_from(channel& at, const receive_options& options,
                                                  bool again = false) noexcept;
  result<std::size_t, receive_error> receive_again(channel& at, receive_options options) noexcept;

  std::unique_ptr<vectors> vectors_;
  std::vector<received> messages_;
  std::size_t count_ = 0;
};

}  // namespace scm::inline v0_1
