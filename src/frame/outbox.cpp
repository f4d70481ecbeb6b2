#include "frame/outbox.hpp"

#include <algorithm>
#include <cstring>

namespace scm::inline v0_1::detail {
namespace {

/// Drops what is gone, so that room at the end need not grow for it.
template <class T>
void drop_front(std::vector<T>& all, std::size_t& gone) noexcept {
  all.erase(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(gone));
  gone = 0;
}

/// As many packets as a record takes that exceeds one.
std::size_t packets_for(std::size_t bytes, std::size_t descriptors, std::size_t payload) noexcept {
  const std::size_t by_bytes = bytes / payload + (bytes % payload != 0 ? 1 : 0);
  const std::size_t by_descriptors =
      (descriptors + limits::descriptors_per_message - 1) / limits::descriptors_per_message;
  return std::max<std::size_t>({by_bytes, by_descriptors, 1});
}

}  // namespace

std::size_t outbox::packed_size(std::size_t bytes, std::size_t descriptors) const noexcept {
  const std::size_t overhead = packets_for(bytes, descriptors, most_payload()) * wire::headers;
  return bytes > SIZE_MAX - overhead ? SIZE_MAX : bytes + overhead;
}

result<void> outbox::reserve(std::size_t bytes, std::size_t descriptors) noexcept {
  const std::size_t more = packed_size(bytes, descriptors);
  const std::size_t packets = packets_for(bytes, descriptors, most_payload());
  if (bytes_.capacity() - bytes_.size() >= more && packets_.capacity() - packets_.size() >= packets) return {};
  last_ = last_ < sent_ ? 0 : last_ - sent_;
  drop_front(bytes_, sent_);
  drop_front(packets_, first_);
  const auto grow = [](auto& all, std::size_t by) {
    if (all.capacity() - all.size() < by) all.reserve(std::max(all.size() + by, 2 * all.capacity()));
  };
  try {
    if (more > bytes_.max_size() - bytes_.size()) throw std::bad_alloc{};
    grow(bytes_, more);
    grow(packets_, packets);
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  return {};
}

bool outbox::fits_open_packet(std::size_t bytes, std::size_t descriptors) const noexcept {
  if (empty() || !packets_.back().open) return false;
  const std::size_t left = packet_bytes_ - packets_.back().bytes;
  return left >= sizeof(wire::piece_header) && bytes <= left - sizeof(wire::piece_header) &&
         descriptors <= limits::descriptors_per_message - packets_.back().descriptors;
}

void byte_source::read(std::vector<std::byte>& to, std::size_t size) noexcept {
  while (size != 0) {
    const const_buffer& now = left_.front();
    const std::size_t here = std::min(size, now.size() - used_);
    const auto* const from = static_cast<const std::byte*>(now.data()) + used_;
    if (here != 0) to.insert(to.end(), from, from + here);
    size -= here;
    used_ += here;
    if (used_ == now.size()) {
      left_ = left_.subspan(1);
      used_ = 0;
    }
  }
}

void outbox::begin_packet() noexcept {
  if (!empty()) packets_.back().open = false;
  last_ = bytes_.size();
  packets_.push_back({sizeof(wire::packet_header), 0, true});
  wire::packet_header header;
  header.version = wire::version;
  header.flags = 0;
  header.descriptors = 0;
  header.size = sizeof(wire::packet_header);
  header.number = number_++;
  append(header);
}

void outbox::add(byte_source& data, std::size_t bytes, std::size_t descriptors, std::uint8_t flags) noexcept {
  if (!fits_open_packet(bytes, descriptors)) begin_packet();
  wire::piece_header piece;
  piece.size = static_cast<std::uint32_t>(bytes);
  piece.descriptors = static_cast<std::uint16_t>(descriptors);
  piece.flags = flags;
  piece.reserved = 0;
  append(piece);
  data.read(bytes_, bytes);

  packet& now = packets_.back();
  now.bytes += sizeof piece + bytes;
  now.descriptors += descriptors;
  now.open = flags == 0;  // the next piece of the record has a packet of its own
  auto header = wire::load<wire::packet_header>(std::span{bytes_}.subspan(last_));
  header.size = static_cast<std::uint32_t>(now.bytes);
  header.descriptors = static_cast<std::uint16_t>(now.descriptors);
  std::memcpy(bytes_.data() + last_, &header, sizeof header);
}

std::span<const std::byte> outbox::front() const noexcept {
  return std::span{bytes_}.subspan(sent_, packets_[first_].bytes);
}

void outbox::sent(std::size_t bytes) noexcept {
  packet& now = packets_[first_];
  sent_ += bytes;
  now.bytes -= bytes;
  now.descriptors = 0;
  now.open = false;
  if (now.bytes == 0) ++first_;
  if (empty()) {
    bytes_.clear();
    packets_.clear();
    sent_ = first_ = 0;
  }
}

void outbox::drop_last() noexcept {
  bytes_.resize(bytes_.size() - packets_.back().bytes);
  packets_.pop_back();
  --number_;
}

}  // namespace scm::inline v0_1::detail
