#include <scm/frame/record_decoder.hpp>

#include "frame/wire.hpp"

#include <cstring>
#include <new>
#include <utility>

namespace scm::inline v0_1 {

result<record_decoder> record_decoder::make(socket_type type, const record_bounds& bounds) noexcept {
  if (type == socket_type::datagram) return std::unexpected{std::make_error_code(std::errc::invalid_argument)};
  record_decoder made{type, bounds};
  made.buffer_.reset(new (std::nothrow) std::byte[room_bytes]);  // as it is: what was not received is not read
  if (!made.buffer_) return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  return made;
}

std::span<std::byte> record_decoder::room() noexcept {
  if (room_bytes - end_ < limits::packet_bytes || begin_ == end_) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, end_ - begin_);
    const auto moved = [this](std::size_t offset) { return offset > begin_ ? offset - begin_ : 0; };
    first_.end = moved(first_.end);
    last_.end = moved(last_.end);
    piece_ = moved(piece_);
    packet_end_ = moved(packet_end_);
    end_ -= begin_;
    begin_ = 0;
  }
  return {buffer_.get() + end_, room_bytes - end_};
}

void record_decoder::commit(std::size_t bytes, std::size_t descriptors) noexcept {
  if (bytes == 0) {  // an empty message; a stream's receive has bytes, or is its end
    if (!fault_) fault_ = descriptors != 0 ? errc::descriptors_surplus : errc::malformed;
    return;
  }
  const chunk came{end_ + bytes, descriptors};
  (begin_ == end_ ? first_ : last_) = came;
  end_ = came.end;
}

/// Checks the header at `begin_`, as far as it is there, against what came with it; and the pieces when all is there.
std::optional<errc> record_decoder::begin_packet() noexcept {
  const std::size_t there = end_ - begin_;
  if (there < sizeof(wire::packet_header)) {
    if (type_ == socket_type::seqpacket) return errc::malformed;
    if (last_.descriptors != 0) return errc::descriptors_surplus;  // they came within the header
    return {};
  }
  const auto header = wire::load<wire::packet_header>(received(begin_));
  if (header.version.value() != wire::version) return errc::unknown_version;
  const std::size_t size = header.size.value();
  const std::size_t descriptors = header.descriptors.value();
  if (header.flags.value() != 0 || size < wire::headers || size > limits::packet_bytes ||
      descriptors > limits::descriptors_per_message) {
    return errc::malformed;
  }
  if (type_ == socket_type::seqpacket && begin_ + size != end_) return errc::malformed;
  if (header.number.value() != number_) return errc::out_of_sequence;

  // Descriptors of a receive are those of the packet that begins in it and reaches its end: the kernel does not read on
  // after them (C1). What else came since the packet began must have none.
  const std::size_t packet_end = begin_ + size;
  const std::size_t came = first_.end <= packet_end ? first_.descriptors : 0;
  if (came < descriptors) return errc::descriptors_missing;
  if (came > descriptors) return errc::descriptors_surplus;
  if (last_.end <= packet_end && last_.descriptors != 0) return errc::descriptors_surplus;

  if (there < size) return {};
  if (const auto fault = check_pieces(size, descriptors)) return fault;
  piece_ = begin_ + sizeof(wire::packet_header);
  packet_end_ = packet_end;
  ++number_;
  return {};
}

std::optional<errc> record_decoder::check_pieces(std::size_t size, std::size_t descriptors) const noexcept {
  const auto packet = received(begin_).first(size);
  std::size_t sum = 0;
  std::size_t record_bytes = in_record_ ? assembly_.size() : 0;
  std::size_t record_descriptors = in_record_ ? unfinished_ : 0;
  bool continued = in_record_;
  for (std::size_t at = sizeof(wire::packet_header); at != size;) {
    if (size - at < sizeof(wire::piece_header)) return errc::malformed;
    const auto piece = wire::load<wire::piece_header>(packet.subspan(at));
    at += sizeof(wire::piece_header);
    const std::size_t bytes = piece.size.value();
    if (bytes > size - at || piece.reserved.value() != 0) return errc::malformed;
    at += bytes;
    sum += piece.descriptors.value();
    record_bytes += bytes;
    record_descriptors += piece.descriptors.value();

    const bool empty = bytes == 0 && piece.descriptors.value() == 0;
    switch (piece.flags.value()) {
      case 0:
        break;
      case wire::more:
        if (empty || at != size) return errc::malformed;
        break;
      case wire::abandoned:
        if (!empty || !continued) return errc::malformed;
        break;
      default:
        return errc::malformed;
    }
    if (record_bytes > bounds_.record_bytes || record_descriptors > bounds_.record_descriptors) return errc::over_limit;
    continued = piece.flags.value() == wire::more;
    if (!continued) record_bytes = record_descriptors = 0;
  }
  if (sum != descriptors) return errc::malformed;
  return {};
}

/// One piece of a packet that was found good; a record, if it ends one.
result<std::optional<found_record>, record_error> record_decoder::take_piece() noexcept {
  const auto header = wire::load<wire::piece_header>(received(piece_));
  const auto payload = received(piece_).subspan(sizeof header, header.size.value());
  const bool more = header.flags.value() == wire::more;
  found_record found{payload, header.descriptors.value()};
  if (more || in_record_) {
    try {
      if (!in_record_) assembly_.clear();
      assembly_.insert(assembly_.end(), payload.begin(), payload.end());
    } catch (...) {
      return std::unexpected{record_error{std::make_error_code(std::errc::not_enough_memory), position_}};
    }
    unfinished_ += found.descriptors;
    found = {assembly_, unfinished_};
    in_record_ = more;
    if (!more) unfinished_ = 0;
  }
  piece_ += sizeof header + payload.size();
  if (more) return std::nullopt;
  if (header.flags.value() == wire::abandoned) {
    dropped_ = found.descriptors;
    return std::unexpected{record_error{errc::abandoned, position_}};
  }
  return found;
}

void record_decoder::end_packet() noexcept {
  position_ += packet_end_ - begin_;
  begin_ = std::exchange(packet_end_, 0);
  if (first_.end <= begin_) first_ = std::exchange(last_, {});
}

result<std::optional<found_record>, record_error> record_decoder::next() noexcept {
  for (;;) {
    if (packet_end_ != 0) {
      if (piece_ == packet_end_) {
        end_packet();
        continue;
      }
      const auto found = take_piece();
      if (!found || *found) return found;
      continue;
    }
    if (!fault_ && begin_ != end_) fault_ = begin_packet();
    if (fault_) return std::unexpected{record_error{*fault_, position_}};
    if (packet_end_ == 0) return std::nullopt;
  }
}

record_error record_decoder::end() const noexcept {
  if (fault_) return {*fault_, position_};
  return {begin_ != end_ || in_record_ ? errc::record_cut : errc::end_of_file, position_};
}

}  // namespace scm::inline v0_1
