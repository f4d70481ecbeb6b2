/// The headers of packets and pieces, byte by byte (docs/wire.md).
#pragma once

#include <scm/core/limits.hpp>

#include <boost/endian/buffers.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace scm::inline v0_1::wire {

struct packet_header {
  boost::endian::little_uint8_buf_t version;
  boost::endian::little_uint8_buf_t flags;
  boost::endian::little_uint16_buf_t descriptors;
  boost::endian::little_uint32_buf_t size;  ///< Of the packet, this header included.
  boost::endian::little_uint64_buf_t number;
};

struct piece_header {
  boost::endian::little_uint32_buf_t size;  ///< Of the payload.
  boost::endian::little_uint16_buf_t descriptors;
  boost::endian::little_uint8_buf_t flags;
  boost::endian::little_uint8_buf_t reserved;
};

static_assert(sizeof(packet_header) == 16 && alignof(packet_header) == 1);
static_assert(sizeof(piece_header) == 8 && alignof(piece_header) == 1);

inline constexpr std::uint8_t version = 1;
inline constexpr std::uint8_t more = 1;       ///< The record goes on in the next piece.
inline constexpr std::uint8_t abandoned = 2;  ///< The record that this would have continued was given up.

inline constexpr std::size_t headers = sizeof(packet_header) + sizeof(piece_header);

/// `from` must have room for a Header.
template <class Header>
Header load(std::span<const std::byte> from) noexcept {
  Header header;
  std::memcpy(&header, from.data(), sizeof header);
  return header;
}

}  // namespace scm::inline v0_1::wire
