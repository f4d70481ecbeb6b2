/// The sending side of a channel of records.
#pragma once

#include "frame/outbox.hpp"

#include <scm/channel/channel.hpp>
#include <scm/core/control_buffer.hpp>
#include <scm/frame/record_channel.hpp>

#include <span>
#include <vector>

namespace scm::inline v0_1::detail {

/// The largest packet that a socket sends as one message. Errors: getsockopt(2)'s; `invalid_argument` when not even
/// headers fit.
[[nodiscard]] result<std::size_t> most_packet_bytes(const channel& over) noexcept;

/// Contract: `record_channel`'s functions of the same names.
class record_sender {
 public:
  record_sender(channel& over, const record_bounds& bounds, std::size_t packet_bytes) noexcept
      : over_{over}, bounds_{bounds}, out_{packet_bytes} {}
  record_sender(const record_sender&) = delete;
  record_sender& operator=(const record_sender&) = delete;
  ~record_sender();

  /// Room for a packet and for giving up a record, so that neither can fail later.
  [[nodiscard]] result<void> reserve() noexcept;

  result<void> send(const const_buffers& bytes, std::span<const borrowed_fd> descriptors, deadline until) noexcept;
  result<std::size_t> send_many(std::span<const outgoing_record> records, deadline until) noexcept;
  /// Owns the descriptors from a success on.
  result<void> queue(const const_buffers& bytes, std::span<const borrowed_fd> descriptors, deadline until) noexcept;
  result<void> flush(deadline until) noexcept;
  [[nodiscard]] waiting_records waiting() const noexcept { return {out_.bytes(), queued_.size()}; }

 private:
  struct remaining;
  result<void> send_front(std::span<const borrowed_fd> descriptors, deadline until) noexcept;
  result<void> send_queued_front(deadline until) noexcept;
  void send_rest(deadline until) noexcept;
  result<void> send_in_pieces(const const_buffers& bytes, std::span<const borrowed_fd> descriptors,
                              deadline until) noexcept;
  void add_in_pieces(remaining& record) noexcept;
  [[nodiscard]] bool has_room(std::size_t packed, std::size_t descriptors) const noexcept;

  channel& over_;
  record_bounds bounds_;
  outbox out_;
  std::vector<borrowed_fd> queued_;  // owned: those of the packets that wait, in their order
  control_buffer control_;           // used again for each packet, for its memory
  std::vector<borrowed_fd> lent_;    // those of the packet that is being sent
};

}  // namespace scm::inline v0_1::detail
