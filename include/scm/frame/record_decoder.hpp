/// Finding records in what a socket delivers: bytes and counts of descriptors in, records out, no system call.
#pragma once

#include <scm/channel/channel.hpp>
#include <scm/frame/record.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace scm::inline v0_1 {

/// A record as it is found: its bytes, lent until the next call of anything but `next`, and how many descriptors
/// are its own: the first so many of those that were not given to a record before it.
struct found_record {
  std::span<const std::byte> bytes;
  std::size_t descriptors = 0;
};

/// Decodes the packets of docs/wire.md, however they are cut. What it finds, and where it stops, depends on the packets
/// and the descriptors that came with each, not on how a stream cuts the bytes.
///
/// In turn: take `room`, receive into it once, `commit` what came, and call `next` until there is nothing.
class SCM_API record_decoder {
 public:
  /// Takes the memory for whole packets. `type` is stream or seqpacket. Errors: `not_enough_memory`; `invalid_argument`
  /// for datagrams, which have no order to rely on. A decoder that was moved from can be assigned to, and nothing else.
  [[nodiscard]] static result<record_decoder> make(socket_type type, const record_bounds& bounds) noexcept;

  /// Where to receive next: at least a packet's size. May move what is waiting.
  [[nodiscard]] std::span<std::byte> room() noexcept;

  /// So many bytes were received into `room`, and so many descriptors with them, by one recvmsg(2).
  void commit(std::size_t bytes, std::size_t descriptors) noexcept;

  /// The next whole record, or nothing when more must be received. Errors: those of docs/wire.md, each for good;
  /// `abandoned`, once for each record that its sender gave up, with the number of descriptors to be dropped in
  /// `dropped`; `not_enough_memory`, after which the call can be repeated.
  [[nodiscard]] result<std::optional<found_record>, record_error> next() noexcept;

  /// What an end of file here means: `end_of_file`, or `record_cut` within a record.
  [[nodiscard]] record_error end() const noexcept;

  /// Descriptors of the record that `next` last called `abandoned`.
  [[nodiscard]] std::size_t dropped() const noexcept { return dropped_; }

 private:
  /// What one receive delivered: where its bytes end in the buffer, and its descriptors.
  struct chunk {
    std::size_t end = 0;
    std::size_t descriptors = 0;
  };

  record_decoder(socket_type type, const record_bounds& bounds) noexcept : bounds_{bounds}, type_{type} {}
  [[nodiscard]] std::optional<errc> begin_packet() noexcept;
  [[nodiscard]] std::optional<errc> check_pieces(std::size_t size, std::size_t descriptors) const noexcept;
  [[nodiscard]] result<std::optional<found_record>, record_error> take_piece() noexcept;
  void end_packet() noexcept;
  [[nodiscard]] std::span<const std::byte> received(std::size_t from) const noexcept {
    return {buffer_.get() + from, end_ - from};
  }

  static constexpr std::size_t room_bytes = 2 * limits::packet_bytes;
  std::unique_ptr<std::byte[]> buffer_;
  std::vector<std::byte> assembly_;  // a record in several pieces, as they come
  std::size_t begin_ = 0;            // of the packet that is looked at; all offsets are into buffer_
  std::size_t end_ = 0;              // of what was committed
  std::size_t piece_ = 0;            // the next piece of a packet that was found good
  std::size_t packet_end_ = 0;       // the end of that packet; 0 while there is none
  chunk first_;                      // the receive in which the packet began
  chunk last_;                       // the last receive, if the packet began before it
  std::uint64_t position_ = 0;       // of begin_ in all bytes
  std::uint64_t number_ = 0;         // of the next packet
  std::size_t unfinished_ = 0;       // descriptors of the record in assembly_
  std::size_t dropped_ = 0;
  std::optional<errc> fault_;
  record_bounds bounds_;
  socket_type type_;
  bool in_record_ = false;  // assembly_ is to be continued
};

}  // namespace scm::inline v0_1
