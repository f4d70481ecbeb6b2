/// One front end, from its first message to its last: what it says is checked, done and answered.
#pragma once

#include "disk.hpp"

#include "../vhost-user/messages.hpp"

#include <cstdio>

namespace vhost_user {

/// Trusts nothing that the front end or its guest says. Where it cannot go on, the connection ends; nothing that was
/// received stays open or mapped.
class session {
 public:
  /// `log` is told of what is refused; it may be null.
  session(scm::stream channel, disk& image, std::FILE* log) : messages_{std::move(channel)}, disk_{image}, log_{log} {}

  /// Serves until the front end leaves or `stop` is raised; an error when the front end was made to leave. `resized`
  /// is for an image of another size.
  answer<> run(scm::event& stop, scm::event& resized);

  /// Takes one message, and answers it. False at the end.
  answer<bool> handle();
  /// Serves what waits in the queue, one queue's worth at most, if it was kicked or there was more before.
  void serve();
  /// Looks at the image's size, and tells the front end of a new one, if it wants to know.
  void measure();

 private:
  answer<bool> carry_out(message& asked);  // true: its body is the reply now

  [[nodiscard]] std::uint64_t offered() const;
  answer<> set_memory(message& asked);
  answer<> set_addresses(const vring_addresses& addresses);
  answer<> set_event(request what, message& asked);
  void get_config(message& asked) const;
  answer<> start();

  messages messages_;
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
