/// Messages of vhost-user, each whole and with its own descriptors, on either end of the connection.
#pragma once

#include "guest_memory.hpp"

#include <scm/channel.hpp>

#include <chrono>
#include <optional>

namespace vhost_user {

struct message {
  header head;
  payload body;
  scm::descriptor_list files;
};

/// What is wrong with a request of a front end's, before anything is done with it; empty when nothing is.
std::string fault_of(const message& asked);

class messages {
 public:
  /// For the rest of a message that has begun, and for room to send one.
  static constexpr std::chrono::seconds patience{10};

  explicit messages(scm::stream channel) : channel_{std::move(channel)} {}

  [[nodiscard]] scm::borrowed_fd fd() const { return channel_.fd(); }

  /// The next one, with at most so many descriptors and no longer than any that is known; nothing at the end of file.
  /// After an error nothing more can be received.
  answer<std::optional<message>> receive(std::size_t most_files, scm::deadline until = scm::no_deadline);
  answer<> send(std::uint32_t request, std::uint32_t flags, std::span<const std::byte> body,
                scm::borrowed_fds files = {});

 private:
  answer<scm::descriptor_list> fill(std::span<std::byte> room, std::size_t most_files, scm::deadline until,
                                    bool& ended);

  scm::stream channel_;
};

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span{&value, 1});
}

}  // namespace vhost_user
