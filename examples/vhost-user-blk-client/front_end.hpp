/// The front end of a vhost-user block device, as a virtual machine's process is one: it owns memory and a queue, and
/// has the back end work on them.
#pragma once

#include "../vhost-user/messages.hpp"

#include <scm/process.hpp>

#define VIRTIO_RING_NO_LEGACY  // inline functions that are no C++
#include <linux/virtio_blk.h>
#include <linux/virtio_ring.h>

#include <array>

namespace vhost_user {

/// Nothing that the back end says is believed before it was checked, and nothing is waited for longer than `patience`.
class front_end {
 public:
  static constexpr std::uint16_t slots = 32;           // requests at the same time
  static constexpr std::size_t slot_bytes = 64 << 10;  // of data, each
  static constexpr std::uint64_t sector_bytes = 512;
  static constexpr std::chrono::seconds patience{20};

  static answer<front_end> connect(const scm::address& at);

  [[nodiscard]] const virtio_blk_config& config() const { return config_; }

  /// Puts a request with `bytes` of data into a free slot. VIRTIO_BLK_T_OUT sends what is in `data(slot)`.
  void submit(std::uint16_t slot, std::uint32_t type, std::uint64_t sector, std::size_t bytes);
  /// Tells the back end of what was submitted, if it wants to know.
  answer<> kick();
  /// The slot of a request that is done, once one is; its data is in `data(slot)`. An error when it failed.
  answer<std::uint16_t> wait();
  [[nodiscard]] std::span<std::byte> data(std::uint16_t slot);

  /// One request, and what became of it.
  answer<> ask(std::uint32_t type, std::uint64_t sector, std::size_t bytes);

 private:
  static constexpr std::uint16_t entries = 128;  // of the queue; a request takes three
  struct rings;                                  // as they lie in the memory

  front_end(scm::stream channel, scm::shared_memory memory, scm::event kick, scm::event call);
  answer<> negotiate();
  answer<> set_up_queue();
  [[nodiscard]] rings& at() { return *rings_; }

  answer<message> reply_to(request what);
  template <class Body>
  answer<> tell(request what, const Body& body, scm::borrowed_fds files = {});  // and hears that it was done
  answer<std::uint64_t> number(request what);

  messages messages_;
  scm::shared_memory memory_;
  rings* rings_;
  scm::event kick_, call_;
  std::uint64_t features_ = 0, protocol_ = 0;
  virtio_blk_config config_{};
  std::array<bool, slots> busy_{};
  std::uint16_t submitted_ = 0, told_ = 0, done_ = 0;  // requests; the first two and the last are the rings' indices
};

}  // namespace vhost_user
