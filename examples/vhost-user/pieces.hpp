/// What is done with the pieces of a buffer.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace vhost_user {

inline std::uint64_t size_of(std::span<const iovec> pieces) {
  std::uint64_t sum = 0;
  for (const iovec& one : pieces) sum += one.iov_len;
  return sum;
}

inline void drop_front(std::span<iovec>& pieces, std::uint64_t bytes) {
  while (!pieces.empty() && bytes >= pieces.front().iov_len) {
    bytes -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (bytes != 0) {
    pieces.front().iov_base = static_cast<std::byte*>(pieces.front().iov_base) + bytes;
    pieces.front().iov_len -= static_cast<std::size_t>(bytes);
  }
}

inline void copy_from(std::span<const iovec> pieces, void* to, std::size_t size) {
  auto* at = static_cast<std::byte*>(to);
  for (const iovec& one : pieces) {
    const std::size_t here = std::min(size, one.iov_len);
    std::memcpy(at, one.iov_base, here);
    at += here;
    size -= here;
  }
}

inline void copy_to(std::span<const iovec> pieces, std::span<const char> bytes) {
  for (const iovec& one : pieces) {
    const std::size_t here = std::min(bytes.size(), one.iov_len);
    std::memcpy(one.iov_base, bytes.data(), here);
    bytes = bytes.subspan(here);
  }
}

}  // namespace vhost_user
