/// The socket at a place, opened: connected, adopted, or listening for others to connect.
#pragma once

#include "cli/failure.hpp"
#include "cli/place.hpp"

#include <scm/channel.hpp>

#include <optional>
#include <variant>

namespace scm::cli {

enum class role { sender, receiver };

class endpoint {
 public:
  endpoint() = default;
  endpoint(const endpoint&) = delete;
  endpoint& operator=(const endpoint&) = delete;
  /// Removes the socket's file, if one was made.
  ~endpoint();

  /// Opens the place. A receiver asks the kernel to say who each message is from; on an inherited socket, which others
  /// share, nothing is changed. Datagrams have no connections: a receiver binds, a sender connects.
  [[nodiscard]] outcome<> open(const place& at, role as);

  /// Whether there can be a next channel after this one.
  [[nodiscard]] bool listens() const noexcept { return listener_.index() != 0; }

  /// The next connection, waiting for it; without a listener the only channel, again. Valid until the next call.
  [[nodiscard]] outcome<channel*> next();

  /// After the last send: stays a moment (a fifth of a second at most) for the receiver to look at what program sent,
  /// which it can only while that runs. On an inherited socket, whose traffic is somebody else's, it does nothing.
  void let_receiver_look() noexcept;

 private:
  template <class Channel>
  outcome<> open_connected(const place& at, const address* to, borrowed_fd inherited, role as);
  template <class Channel>
  outcome<> open_listening(const place& at, const address* to, borrowed_fd inherited, role as);
  outcome<> open_bound(const place& at, const address& to);

  std::string spelled_;
  bool inherited_ = false;
  std::variant<std::monostate, stream, datagram, seqpacket> channel_;
  std::variant<std::monostate, listener<stream>, listener<seqpacket>> listener_;
};

}  // namespace scm::cli
