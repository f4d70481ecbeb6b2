#include "virtqueue.hpp"

#include <fmt/format.h>

#include <atomic>
#include <bit>
#include <cstring>

namespace vhost_user {
namespace {

// Rings: flags, index, entries; behind them, with VIRTIO_RING_F_EVENT_IDX, the other side's wish.
constexpr std::size_t index_at = 2, entries_at = 4;

// In one order for both sides: whoever writes an index and then reads the other's wish must not read it first.
std::uint16_t load(std::byte* at) { return std::atomic_ref{*reinterpret_cast<std::uint16_t*>(at)}.load(); }
void store(std::byte* at, std::uint16_t value) { std::atomic_ref{*reinterpret_cast<std::uint16_t*>(at)}.store(value); }

vring_desc copy(const std::byte* table, std::size_t index) {
  vring_desc one;
  std::memcpy(&one, table + index * sizeof one, sizeof one);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // what is checked is what is used: not read a second time
  return one;
}

bool aligned(const std::byte* at, std::uintptr_t to) { return reinterpret_cast<std::uintptr_t>(at) % to == 0; }

}  // namespace

answer<> virtqueue::set_size(std::uint32_t entries) {
  if (running_) return std::unexpected{"the queue is running"};
  if (!std::has_single_bit(entries) || entries > most_entries) {
    return std::unexpected{fmt::format("a queue of {} entries", entries)};
  }
  size_ = entries;
  return {};
}

answer<> virtqueue::start(const guest_memory& memory, bool event_index) {
  running_ = false;
  if (size_ == 0) return std::unexpected{"the queue has no size"};
  const std::size_t wish = event_index ? sizeof(std::uint16_t) : 0;
  descriptors_ = memory.find_user(addresses.descriptors, size_ * sizeof(vring_desc));
  available_ = memory.find_user(addresses.available, entries_at + size_ * sizeof(std::uint16_t) + wish);
  used_ = memory.find_user(addresses.used, entries_at + size_ * sizeof(vring_used_elem) + wish);
  if (descriptors_ == nullptr || available_ == nullptr || used_ == nullptr) {
    return std::unexpected{"a ring is not in the guest's memory"};
  }
  if (!aligned(descriptors_, VRING_DESC_ALIGN_SIZE) || !aligned(available_, VRING_AVAIL_ALIGN_SIZE) ||
      !aligned(used_, VRING_USED_ALIGN_SIZE)) {
    return std::unexpected{"a ring is not aligned"};
  }
  event_index_ = event_index;
  given_ = told_ = load(used_ + index_at);
  running_ = true;
  return {};
}

answer<> virtqueue::add(const guest_memory& memory, const vring_desc& piece, chain& into) const {
  const bool writable = (piece.flags & VRING_DESC_F_WRITE) != 0;
  if (!writable && !into.writable.empty()) return std::unexpected{"the device's own buffers come first"};
  if (into.readable.size() + into.writable.size() >= most_pieces) return std::unexpected{"too many pieces"};
  if (!memory.find(piece.addr, piece.len, writable ? into.writable : into.readable)) {
    return std::unexpected{
        fmt::format("a buffer of {} bytes at {:#x} is not in the guest's memory", piece.len, piece.addr)};
  }
  return {};
}

answer<std::optional<chain>> virtqueue::take(const guest_memory& memory) {
  const auto waiting = static_cast<std::uint16_t>(load(available_ + index_at) - next);
  if (waiting == 0) return std::nullopt;
  if (waiting > size_) return std::unexpected{fmt::format("{} requests in a queue of {}", waiting, size_)};
  chain made;
  made.head = load(available_ + entries_at + (next % size_) * sizeof(std::uint16_t));
  ++next;

  const std::byte* table = descriptors_;
  std::uint32_t entries = size_;
  std::uint32_t index = made.head;
  std::uint64_t bytes = 0;
  for (std::uint32_t steps = 0;; ++steps) {
    if (index >= entries) return std::unexpected{fmt::format("descriptor {} of {}", index, entries)};
    if (steps == size_) return std::unexpected{"a chain without end"};  // an indirect table makes it no longer
    const vring_desc one = copy(table, index);
    if ((one.flags & VRING_DESC_F_INDIRECT) != 0) {
      table = table == descriptors_ ? memory.find_whole(one.addr, one.len) : nullptr;
      if (table == nullptr || (one.flags & VRING_DESC_F_NEXT) != 0 || one.len % sizeof one != 0) {
        return std::unexpected{"an indirect table that is none"};
      }
      entries = static_cast<std::uint32_t>(one.len / sizeof one);
      index = 0;
      continue;
    }
    if ((bytes += one.len) > most_bytes) return std::unexpected{"a request that is too long"};
    if (const auto added = add(memory, one, made); !added) return std::unexpected{added.error()};
    if ((one.flags & VRING_DESC_F_NEXT) == 0) return made;
    index = one.next;
  }
}

void virtqueue::give(std::uint16_t head, std::uint32_t written) {
  const vring_used_elem done{head, written};
  std::memcpy(used_ + entries_at + (given_ % size_) * sizeof done, &done, sizeof done);
  store(used_ + index_at, ++given_);
}

bool virtqueue::sleep() {
  if (event_index_) store(used_ + entries_at + size_ * sizeof(vring_used_elem), next);
  return load(available_ + index_at) != next;
}

void virtqueue::tell() {
  const std::uint16_t before = std::exchange(told_, given_);
  if (before == given_ || !call) return;
  bool wanted = (load(available_) & VRING_AVAIL_F_NO_INTERRUPT) == 0;
  if (event_index_) {
    wanted = vring_need_event(load(available_ + entries_at + size_ * sizeof(std::uint16_t)), given_, before) != 0;
  }
  if (wanted) (void)call->signal();  // a counter that is full has told already
}

}  // namespace vhost_user
