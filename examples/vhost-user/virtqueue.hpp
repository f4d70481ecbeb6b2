/// A split virtqueue in memory that the guest changes while it is read: every value is copied once, then checked.
#pragma once

#include "guest_memory.hpp"

#include <scm/process/event.hpp>

#define VIRTIO_RING_NO_LEGACY  // inline functions that are no C++
#include <linux/virtio_ring.h>

#include <optional>

namespace vhost_user {

/// One request of the guest's driver.
struct chain {
  std::uint16_t head = 0;
  std::vector<iovec> readable;  ///< By the device.
  std::vector<iovec> writable;
};

class virtqueue {
 public:
  static constexpr std::uint32_t most_entries = 32768;   // virtio 1.2, 2.7
  static constexpr std::size_t most_pieces = 1024;       // of one chain: IOV_MAX
  static constexpr std::uint64_t most_bytes = 1U << 30;  // of one chain

  std::optional<scm::event> kick, call, error;
  bool enabled = false;

  /// Where it is, in the front end's addresses; found anew when the memory changes.
  vring_addresses addresses{};
  answer<> set_size(std::uint32_t entries);
  [[nodiscard]] std::uint32_t size() const { return size_; }
  /// Position of the next request, as told by the front end, or to it.
  std::uint16_t next = 0;

  /// Looks the rings up. From then on it runs, until `stop`.
  answer<> start(const guest_memory& memory, bool event_index);
  void stop() { running_ = false; }
  [[nodiscard]] bool running() const { return running_; }
  [[nodiscard]] bool ready() const { return running_ && enabled && kick; }

  /// The next request, if there is one. An error is one of the driver's, and the queue cannot go on.
  answer<std::optional<chain>> take(const guest_memory& memory);
  /// Gives a request back, with so many bytes written.
  void give(std::uint16_t head, std::uint32_t written);
  /// Asks to be told of the next request, and says whether one has come meanwhile.
  bool sleep();
  /// Tells the driver of what was given back, if it wants to know.
  void tell();

 private:
  answer<> add(const guest_memory& memory, const vring_desc& piece, chain& into) const;

  std::uint32_t size_ = 0;
  bool running_ = false;
  bool event_index_ = false;
  std::byte* descriptors_ = nullptr;
  std::byte* available_ = nullptr;
  std::byte* used_ = nullptr;
  std::uint16_t given_ = 0;  // requests given back, which is the index of the used ring
  std::uint16_t told_ = 0;   // how many of them the driver was told of
};

}  // namespace vhost_user
