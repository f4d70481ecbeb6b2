/// Packets on their way out: records packed, and what the kernel has not taken yet.
#pragma once

#include "frame/wire.hpp"

#include <scm/core/borrowed_fds.hpp>
#include <scm/core/buffer.hpp>
#include <scm/core/result.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace scm::inline v0_1::detail {

/// Goes through the bytes of several buffers once.
class byte_source {
 public:
  explicit byte_source(std::span<const const_buffer> buffers) noexcept : left_{buffers} {}
  /// Appends the next `size` bytes, which there must be, to `to`, which must have room.
  void read(std::vector<std::byte>& to, std::size_t size) noexcept;

 private:
  std::span<const const_buffer> left_;
  std::size_t used_ = 0;  // of the first of them
};

/// Bytes and counts: the descriptors themselves are kept by whoever sends, in the order in which they were added.
/// Nothing here can fail once room was taken.
class outbox {
 public:
  /// The most bytes that a packet may have here, at least `wire::headers + 1`.
  explicit outbox(std::size_t packet_bytes) noexcept : packet_bytes_{packet_bytes} {}

  /// Takes room for packets of one record of so many bytes and descriptors, behind all that waits. Errors:
  /// `not_enough_memory`.
  [[nodiscard]] result<void> reserve(std::size_t bytes, std::size_t descriptors) noexcept;

  /// Whether a record has room in the packet that is still open, and in a packet at all.
  [[nodiscard]] bool fits_open_packet(std::size_t bytes, std::size_t descriptors) const noexcept;
  [[nodiscard]] bool fits_packet(std::size_t bytes, std::size_t descriptors) const noexcept {
    return bytes <= most_payload() && descriptors <= limits::descriptors_per_message;
  }
  /// What `add` will put behind all that waits, headers included, when the open packet takes none of it.
  [[nodiscard]] std::size_t packed_size(std::size_t bytes, std::size_t descriptors) const noexcept;

  /// A record, or its part, as one piece: in the open packet if it has room there, else in a new one. Must fit a
  /// packet.
  void add(byte_source& data, std::size_t bytes, std::size_t descriptors, std::uint8_t flags = 0) noexcept;
  /// The most payload that a packet of one piece has.
  [[nodiscard]] std::size_t most_payload() const noexcept { return packet_bytes_ - wire::headers; }

  /// The packet to send next, or what is left of it, and the descriptors that go with it: none once its first byte
  /// went.
  [[nodiscard]] bool empty() const noexcept { return first_ == packets_.size(); }
  [[nodiscard]] std::span<const std::byte> front() const noexcept;
  [[nodiscard]] std::size_t front_descriptors() const noexcept { return packets_[first_].descriptors; }
  /// The kernel took so many bytes of it.
  void sent(std::size_t bytes) noexcept;
  /// Takes back the last packet, of which nothing was sent.
  void drop_last() noexcept;

  /// Everything that waits.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_.size() - sent_; }
  [[nodiscard]] std::size_t packets() const noexcept { return packets_.size() - first_; }

 private:
  struct packet {
    std::size_t bytes;        // still to be sent
    std::size_t descriptors;  // that go with it
    bool open;
  };
  void begin_packet() noexcept;
  template <class Header>
  void append(const Header& header) noexcept {
    const auto bytes = std::as_bytes(std::span{&header, 1});
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  std::vector<std::byte> bytes_;
  std::vector<packet> packets_;
  std::size_t sent_ = 0;   // bytes at the front of bytes_ that are gone
  std::size_t first_ = 0;  // packets at the front of packets_ that are gone
  std::size_t last_ = 0;   // where the header of the last packet is in bytes_
  std::uint64_t number_ = 0;
  std::size_t packet_bytes_;
};

}  // namespace scm::inline v0_1::detail
