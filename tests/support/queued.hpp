// Descriptors that are in a channel's queue and nowhere else, each with a witness of its end.
#pragma once

#include "support/witness.hpp"

#include <scm/channel.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <system_error>

namespace scm::test {

// Sends `count` watched descriptors in one message.
inline std::deque<witness> send_watched(channel& through, std::size_t count, const_buffers data = "x") {
  std::deque<witness> watched(count);
  descriptor_list list;
  for (auto& one : watched) {
    if (!list.reserve(count) || !list.adopt(one.give())) throw std::bad_alloc();
  }
  if (const auto sent = through.send_owned(data, list); !sent) throw std::system_error(sent.error().code, "send");
  return watched;
}

inline bool all_closed(const std::deque<witness>& watched) { return std::ranges::all_of(watched, &witness::closed); }

}  // namespace scm::test
