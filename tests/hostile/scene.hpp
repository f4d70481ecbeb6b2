// A server of one type, the peer that means it no good, and the honest peers that come after.
#pragma once

#include "support/witness.hpp"

#include <scm/channel.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace scm::test {

// Against hangs only: whatever takes as long has failed.
inline deadline patience() { return in(std::chrono::seconds(20)); }

// The number that the next descriptor would get. Whatever stays open has taken it.
inline int lowest_free() {
  const int number = ::fcntl(0, F_DUPFD_CLOEXEC, 0);
  ::close(number);
  return number;
}

// sendmsg(2) with control data as it stands, for what the library does not send.
inline ssize_t send_raw(borrowed_fd through, std::string_view bytes, std::span<const std::byte> control = {},
                        int flags = 0) {
  iovec data{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = const_cast<std::byte*>(control.data());
  message.msg_controllen = control.size();
  return ::sendmsg(through.native_handle(), &message, flags | MSG_NOSIGNAL | MSG_DONTWAIT);
}

// Whether nothing is queued and nothing can follow: the end of a connection. Datagrams have none, only silence.
inline bool nothing_follows(channel& from) {
  std::array<char, 16> room;
  const auto got = from.try_receive(room, 253);
  if (got) return false;
  return from.type() == socket_type::datagram ? got.error() == std::errc::resource_unavailable_try_again
                                              : got.error() == errc::end_of_file;
}

// A message with a descriptor arrives as it was sent.
inline bool honest_message(channel& from, channel& to) {
  witness watched;
  owned_fd given = watched.give();
  if (!from.send_owned("honest", given, {.until = patience()})) return false;
  std::array<char, 16> room;
  const auto got = to.receive(room, 1, {.until = patience()});
  return got && std::string_view(room.data(), got->size) == "honest" && got->descriptors.size() == 1 &&
         watched.is(got->descriptors[0]);
}

template <class Channel>
auto open_door(const channel_options& options) {
  if constexpr (std::same_as<Channel, datagram>) {
    return datagram::bind(address::autobind(), {}, options).value();
  } else {
    return listener<Channel>::bind(address::autobind(), {.channel = options}).value();
  }
}

// Connections come from a listener; datagrams of all peers come to one bound socket.
template <class Channel>
class scene {
 public:
  static constexpr bool connected = !std::same_as<Channel, datagram>;

  explicit scene(const channel_options& options = {}) : door_{open_door<Channel>(options)} { next_peer(); }

  // Another one takes the peer's place, and the server's end of the connection is a new one.
  void next_peer() {
    peer_.emplace(Channel::connect(at()).value());
    if constexpr (connected) accepted_.emplace(door_.accept(patience()).value());
  }

  [[nodiscard]] address at() const { return door_.local_address().value(); }
  [[nodiscard]] auto& door() { return door_; }
  [[nodiscard]] Channel& peer() { return *peer_; }
  [[nodiscard]] Channel& ours() {
    if constexpr (connected) {
      return *accepted_;
    } else {
      return door_;
    }
  }

  // Whether the same peer, and another one after it, get through.
  [[nodiscard]] bool serves() { return honest_message(peer(), ours()) && serves_others(); }
  [[nodiscard]] bool serves_others() {
    next_peer();
    return honest_message(peer(), ours());
  }
  // The same after the loss of a message, which costs a stream its connection and everybody else that message alone.
  [[nodiscard]] bool serves_after_loss() {
    if constexpr (!std::same_as<Channel, stream>) return serves();
    std::array<char, 16> room;
    return ours().try_receive(room, 253).error() == errc::receive_side_dead && serves_others();
  }

 private:
  decltype(open_door<Channel>({})) door_;
  std::optional<Channel> peer_;
  std::optional<Channel> accepted_;
};

}  // namespace scm::test
