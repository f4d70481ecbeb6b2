/// Which send a received message was sent by: what is on its way between traced sockets.
#pragma once

#include <scm/netlink/unix_sockets.hpp>
#include <scm/service/tracer_call.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <vector>

namespace scm::inline v0_1::detail {

/// A Unix socket at one end of a message.
struct message_end {
  traced_socket socket;
  std::optional<unix_socket::file>
      file;  ///< Of the receiver: the file it is bound to. Of the sender: its destination's.
};

/// A message as it is sent. All that is told of it to people is kept until it is received.
struct sent_message {
  std::uint64_t number = 0;
  pid_t process = 0;
  std::string program;
  message_end from;
  socket_name destination;  ///< As the call says; no value where the socket is connected.
  std::uint64_t bytes = 0;
  std::vector<std::byte> payload;  ///< Its beginning.
  std::vector<traced_descriptor> descriptors;
};

/// What is said of a received message beside its own value.
struct receipt {
  message_end at;
  bool peeked = false;       ///< It is still there (MSG_PEEK).
  bool payload_cut = false;  ///< MSG_TRUNC: `bytes` may be fewer than were sent.
  bool control_cut = false;  ///< MSG_CTRUNC
  /// With `control_cut`: whether the socket asks for other control data, which may be what was cut.
  bool asks_for_more = false;
};

/// The messages on their way.
///
/// A message is found by its way (the sockets' inodes; where the sender is gone or not accepted yet, the name and the
/// process that connected), and by all that sender and receiver both see of it. On a stream only messages with
/// descriptors are followed: bytes of several sends come together, and descriptors of two never do (kernel fact C).
/// What is sent or received by write(2), read(2) and their kin is not known here, so that nothing rests on counting.
class message_pairs {
 public:
  /// At the beginning of the call: a receiver can be the first to return. Throws std::bad_alloc, and nothing changed.
  void sent(sent_message message);
  /// At its end. A stream may have taken fewer bytes; the descriptors have gone with the first.
  void ended(std::uint64_t number, bool passed) noexcept;

  /// Finds the send, and says so in the message: `origin`, `sent_as`, `lost`. Throws std::bad_alloc.
  void received(traced_message& message, const receipt& how);

  /// Those with descriptors that are still on their way, as sent. Throws std::bad_alloc.
  [[nodiscard]] std::vector<unreceived_message> unreceived() const;
  [[nodiscard]] std::uint64_t forgotten() const noexcept { return forgotten_; }
  [[nodiscard]] std::size_t size() const noexcept { return on_their_way_.size(); }

  /// A program that sends to somebody outside of the trace leaves all of its messages here.
  static constexpr std::size_t most_messages = 4096;
  static constexpr std::size_t most_descriptors = 16384;
  /// Those without descriptors: only to be shown with their receive.
  static constexpr std::size_t most_plain = 256;

 private:
  struct pending {
    sent_message what;
    std::uint64_t begun;
    std::uint64_t ended = 0;  // 0: not yet
    bool passed_over = false;
    bool doubtful = false;  // it may have been received in the place of one that looks the same
    /// It was taken for one that came, which is not sure: it may be here still, and another that looks like it is not
    /// sure either.
    bool guessed = false;
  };
  using position = std::list<pending>::iterator;

  void forget(position which) noexcept;
  void make_room() noexcept;

  std::list<pending> on_their_way_;
  std::uint64_t clock_ = 0;
  std::size_t plain_ = 0;
  std::size_t descriptors_ = 0;
  std::uint64_t forgotten_ = 0;
};

}  // namespace scm::inline v0_1::detail
