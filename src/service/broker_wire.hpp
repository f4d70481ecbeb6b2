/// What two brokers say to each other while one takes the store over from the other: the bytes of records.
///
/// begin, from the successor; offer, an entry for each, end, from the broker; taken, from the successor. Descriptors
/// travel with their records: the listening socket, the baton, and if there are the socket's file and its lock, with
/// the offer; those of an entry, and the pidfd of its process behind them, with the entry.
#pragma once

#include "service/broker_store.hpp"

#include <scm/core/limits.hpp>
#include <scm/core/result.hpp>

#include <boost/endian/buffers.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace scm::inline v0_1::hand_over {

inline constexpr std::uint8_t version = 1;

enum class kind : std::uint8_t { begin = 1, offer, entry, end, taken };

struct header {
  boost::endian::little_uint8_buf_t version;
  boost::endian::little_uint8_buf_t what;
};
struct offer_header {
  header first;
  boost::endian::little_uint8_buf_t file;  ///< 1 where there is a file, 0 where not.
  boost::endian::little_uint8_buf_t lock;
};
struct entry_header {
  header first;
  boost::endian::little_uint8_buf_t everybody;
  boost::endian::little_uint8_buf_t expiring;
  boost::endian::little_uint32_buf_t owner;
  boost::endian::little_uint32_buf_t group;
  boost::endian::little_uint16_buf_t users;
  boost::endian::little_uint16_buf_t groups;
};
struct end_header {
  header first;
  boost::endian::little_uint32_buf_t entries;
};
static_assert(sizeof(offer_header) == 4 && sizeof(entry_header) == 16 && sizeof(end_header) == 6);

using bytes = std::vector<std::byte>;

/// A record of a header alone.
[[nodiscard]] bytes encode(kind what);
[[nodiscard]] bytes encode_end(std::uint32_t entries);
/// The path of the socket's file, if there is one.
[[nodiscard]] bytes encode_offer(std::string_view path, bool lock);
[[nodiscard]] bytes encode_entry(const detail::entry_name& name, const detail::stored_entry& entry);

/// Longest of them all.
inline constexpr std::size_t record_bytes =
    sizeof(entry_header) + 2 * detail::shared_with_most * sizeof(std::uint32_t) + limits::fd_name_bytes;

/// Errors of all: `malformed`; `unknown_version`. Throw std::bad_alloc.
[[nodiscard]] result<kind> kind_of(std::span<const std::byte> record);

struct offer {
  std::string path{};  ///< Empty where there is no file.
  bool lock = false;
};
[[nodiscard]] result<offer> decode_offer(std::span<const std::byte> record, std::size_t descriptors);

struct entry {
  detail::entry_name name{};
  gid_t group = 0;
  detail::shared_with with{};
  bool expiring = false;  ///< The last descriptor is the pidfd.
};
[[nodiscard]] result<entry> decode_entry(std::span<const std::byte> record, std::size_t descriptors);
[[nodiscard]] result<std::uint32_t> decode_end(std::span<const std::byte> record, std::size_t descriptors);

}  // namespace scm::inline v0_1::hand_over
