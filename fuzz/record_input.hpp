// The inputs of fuzz_record_decoder: what a peer sends, kernel message by kernel message.
//
// One byte (bit 0: seqpacket; bits 1 and 2: which bounds), four bytes of cut plan, then messages: a byte of
// descriptors, a byte of filling (times 257 bytes at the message's end), a 16-bit size, and so many bytes.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace scm::fuzz_support {

struct peer_message {
  std::uint8_t descriptors = 0;
  std::uint8_t filling = 0;
  std::vector<std::uint8_t> bytes{};
};

inline constexpr std::size_t record_input_prefix = 5;

inline std::vector<peer_message> read_messages(std::span<const std::uint8_t> from) {
  std::vector<peer_message> all;
  while (from.size() >= 4) {
    const std::size_t size = std::min(from[2] + std::size_t{256} * from[3], from.size() - 4);
    const auto bytes = from.subspan(4, size);
    all.push_back({from[0], from[1], {bytes.begin(), bytes.end()}});
    from = from.subspan(4 + size);
  }
  return all;
}

inline std::vector<std::uint8_t> written(std::span<const peer_message> all) {
  std::vector<std::uint8_t> bytes;
  for (const peer_message& one : all) {
    const std::size_t size = std::min<std::size_t>(one.bytes.size(), 0xffff);
    for (const std::size_t field : {std::size_t{one.descriptors}, std::size_t{one.filling}, size & 255, size >> 8}) {
      bytes.push_back(static_cast<std::uint8_t>(field));
    }
    bytes.insert(bytes.end(), one.bytes.begin(), one.bytes.begin() + static_cast<std::ptrdiff_t>(size));
  }
  return bytes;
}

// Changes messages as such: a field of a header, a piece more, a message twice. Then mostly puts the headers right
// again, without which nothing behind the first change would be looked at.
class record_mutator {
 public:
  explicit record_mutator(unsigned seed) : random_{seed} {}

  void mutate(std::vector<peer_message>& all) {
    if (all.empty()) all.push_back(good(below(3)));
    const std::size_t at = below(all.size());
    peer_message& one = all[at];
    const auto place = all.begin() + static_cast<std::ptrdiff_t>(at);
    switch (below(10)) {
      case 0:
        all.insert(place, good(below(4)));
        break;
      case 1:
        add_piece(one);
        break;
      case 2:  // of the packet
        set(one, std::array{0U, 1U, 2U, 4U, 8U}[below(5)], std::array{1U, 1U, 2U, 4U, 8U});
        break;
      case 3:  // of the first piece
        set(one, 16 + std::array{0U, 4U, 6U, 7U}[below(4)], std::array{4U, 2U, 1U, 1U});
        break;
      case 4:
        one.descriptors = static_cast<std::uint8_t>(std::array{0U, 1U, 2U, 252U, 253U, below(254)}[below(6)]);
        break;
      case 5:
        all.insert(place, peer_message{one});
        break;
      case 6:
        all.erase(place);
        break;
      case 7:
        if (!one.bytes.empty()) {  // in two
          const auto cut = one.bytes.begin() + static_cast<std::ptrdiff_t>(below(one.bytes.size()));
          peer_message rest{0, one.filling, {cut, one.bytes.end()}};
          one.bytes.erase(cut, one.bytes.end());
          one.filling = 0;
          all.insert(place + 1, std::move(rest));
        }
        break;
      case 8:
        if (at + 1 != all.size()) {  // two in one
          peer_message& next = all[at + 1];
          one.bytes.insert(one.bytes.end(), next.bytes.begin(), next.bytes.end());
          one.filling = next.filling;
          all.erase(place + 1);
        }
        break;
      default:
        one.filling = static_cast<std::uint8_t>(std::array{0U, 1U, 127U, 254U, 255U, below(256)}[below(6)]);
        break;
    }
    if (below(8) != 0) repair(all);
  }

 private:
  unsigned below(std::size_t bound) { return static_cast<unsigned>(random_() % bound); }

  static void put(std::vector<std::uint8_t>& to, std::size_t at, std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i != size && at + i < to.size(); ++i)
      to[at + i] = static_cast<std::uint8_t>(value >> 8 * i);
  }
  static std::uint64_t get(const std::vector<std::uint8_t>& from, std::size_t at, std::size_t size) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i != size && at + i < from.size(); ++i) value |= std::uint64_t{from[at + i]} << 8 * i;
    return value;
  }

  template <std::size_t N>
  void set(peer_message& one, std::size_t at, const std::array<unsigned, N>& sizes) {
    static constexpr std::uint64_t telling[]{
        0, 1, 2, 3, 8, 15, 16, 23, 24, 253, 65535, 65536, 65537, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff, ~0ull};
    put(one.bytes, at, telling[below(std::size(telling))], sizes[below(N)]);
  }

  void add_piece(peer_message& to) {
    const std::size_t at = to.bytes.size();
    const std::size_t payload = below(6);
    to.bytes.resize(at + 8 + payload, 'p');
    put(to.bytes, at, payload, 4);
    put(to.bytes, at + 4, below(3) == 0 ? below(4) : 0, 2);
    put(to.bytes, at + 6, below(3) == 0 ? below(4) : 0, 1);
    to.bytes[at + 7] = 0;
  }
  peer_message good(std::size_t pieces) {
    peer_message made;
    made.bytes.resize(16);
    do {
      add_piece(made);
    } while (pieces-- != 0);
    return made;
  }

  // Numbers, versions, sizes and counts as they must be, if every message is a packet; the filling goes to the last
  // piece.
  static void repair(std::vector<peer_message>& all) {
    std::uint64_t number = 0;
    for (peer_message& one : all) {
      if (one.bytes.size() < 24) continue;
      const std::size_t filling = std::size_t{one.filling} * 257;
      std::uint64_t sum = 0;
      for (std::size_t at = 16; at + 8 <= one.bytes.size();) {
        const std::size_t left = one.bytes.size() - at - 8;
        auto size = static_cast<std::size_t>(get(one.bytes, at, 4));
        if (size > left || left - size < 8) put(one.bytes, at, (size = left) + filling, 4);
        sum += get(one.bytes, at + 4, 2);
        one.bytes[at + 7] = 0;
        at += 8 + size;
      }
      put(one.bytes, 0, 1, 2);
      put(one.bytes, 2, sum, 2);
      put(one.bytes, 4, one.bytes.size() + filling, 4);
      put(one.bytes, 8, number++, 8);
      one.descriptors = static_cast<std::uint8_t>(std::min<std::uint64_t>(sum, 253));
    }
  }

  std::minstd_rand random_;
};

}  // namespace scm::fuzz_support
