/// Control data as a list of messages that need not be right: what a mutator takes apart, changes and puts together.
#pragma once

#include <scm/core/control_view.hpp>

#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace scm::inline v0_1::fuzz {

/// One message, of which nothing has to agree with the rest.
struct loose_message {
  std::uint64_t length = 0;  ///< What its header claims; ILP32 keeps the low half.
  std::int32_t level = 0, type = 0;
  boost::container::small_vector<std::uint8_t, 64> payload;  ///< What is really there, whatever the length says.
  boost::container::small_vector<std::uint8_t, 8> padding;   ///< What lies between it and the next header.
  bool headless = false;  ///< Payload alone: bytes at the end that are too few for a header.
};

/// Takes control data apart. The first message that the walk refuses gets all that is left; nothing is dropped.
[[nodiscard]] inline std::vector<loose_message> take_apart(std::span<const std::uint8_t> bytes, abi layout) {
  const std::size_t header = cmsg_header_size(layout);
  std::vector<loose_message> list;
  list.reserve(8);
  std::size_t at = 0;
  const auto add = [&](std::size_t size) {
    const std::span one = bytes.subspan(at, size);
    loose_message message;
    std::memcpy(&message.length, one.data(), header - 8);
    std::memcpy(&message.level, one.data() + header - 8, 4);
    std::memcpy(&message.type, one.data() + header - 4, 4);
    message.payload.assign(one.begin() + static_cast<std::ptrdiff_t>(header), one.end());
    const std::span behind = bytes.subspan(at + size);
    const std::size_t padding = std::min(cmsg_align(size, layout) - size, behind.size());
    message.padding.assign(behind.begin(), behind.begin() + static_cast<std::ptrdiff_t>(padding));
    at += size + padding;
    list.push_back(std::move(message));
  };

  control_view walk{std::as_bytes(bytes), layout};
  while (const auto message = walk.next()) add(header + message->payload.size());
  const std::span rest = bytes.subspan(at);
  if (rest.size() >= header) {
    add(rest.size());
  } else if (!rest.empty()) {
    loose_message& last = list.emplace_back();
    last.payload.assign(rest.begin(), rest.end());
    last.headless = true;
  }
  return list;
}

/// Puts as many whole messages as fit into `room`, and returns the bytes that they take.
[[nodiscard]] inline std::size_t put_together(std::span<const loose_message> list, abi layout,
                                              std::span<std::uint8_t> room) noexcept {
  std::size_t at = 0;
  for (const loose_message& one : list) {
    const std::size_t header = one.headless ? 0 : cmsg_header_size(layout);
    const std::size_t space = header + one.payload.size() + one.padding.size();
    if (space > room.size() - at) break;
    std::uint8_t* to = room.data() + at;
    if (header != 0) {
      std::memcpy(to, &one.length, header - 8);
      std::memcpy(to + header - 8, &one.level, 4);
      std::memcpy(to + header - 4, &one.type, 4);
    }
    to = std::ranges::copy(one.payload, to + header).out;
    std::ranges::copy(one.padding, to);
    at += space;
  }
  return at;
}

}  // namespace scm::inline v0_1::fuzz
