/// One front end, from its first message to its last: what it says is checked, done and answered.
#pragma once

#include "disk.hpp"

#include <scm/channel.hpp>

#include <cstdio>

namespace vhost_user {

/// Trusts nothing that the front end or its guest says. Where it cannot go on, the connection ends; nothing that was
/// received stays open or mapped. What it waits for at most is `patience`, for the rest of a message that has begun.
class session {
 public:
  static constexpr std::chrono::seconds patience{10};

  /// `log` is told of what is refused; it may be null.
  session(scm::stream channel, disk& image, std::FILE* log) : channel_{std::move(channel)}, disk_{image}, log_{log} {}

  /// Serves until the front end leaves, with an answer for the log when it was made to, or `stop` is readable.
  answer<> run(scm::borrowed_fd stop);

  /// Takes one message, and answers it. False at the end.
  answer<bool> handle();
  /// Serves what waits in the queue, one queue's worth at most, if it was kicked or there was more before.
  void serve();
  /// Tells the front end that the device's configuration has changed, if it wants to know.
  void config_changed();

 private:
  struct message {
    header head;
    payload body;
    scm::descriptor_list files;
  };

  answer<bool> fill(std::span<std::byte> room, std::size_t most_files, scm::descriptor_list* files);
  answer<std::optional<message>> receive();
  answer<bool> carry_out(message& asked);  // true: its body is the reply now
  answer<> send(message& reply);

  [[nodiscard]] std::uint64_t offered() const;
  answer<> set_memory(message& asked);
  answer<> set_addresses(const vring_addresses& addresses);
  answer<> set_event(request what, message& asked);
  void get_config(message& asked) const;
  answer<> start();

  scm::stream channel_;
  disk& disk_;
  std::FILE* log_;
  std::optional<scm::stream> back_;  // the channel on which the back end is the one who asks
  guest_memory memory_;
  virtqueue queue_;
  std::uint64_t features_ = 0;
  std::uint64_t protocol_ = 0;
  bool more_ = false;  // in the queue, whether or not it was kicked
};

}  // namespace vhost_user
