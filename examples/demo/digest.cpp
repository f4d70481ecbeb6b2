#include "digest.hpp"

#include <nettle/sha2.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>
#include <vector>

namespace demo {

outcome<void> digest(scm::borrowed_fd file, answer& into) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::uint8_t> block(256 * 1024);
  sha256_ctx hash;
  sha256_init(&hash);
  for (;;) {
    const ssize_t size = pread(file.native_handle(), block.data(), block.size(), static_cast<off_t>(into.bytes));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return failed("read through the descriptor received");
    if (size == 0) break;
    const auto read = std::span{block}.first(static_cast<std::size_t>(size));
    sha256_update(&hash, read.size(), read.data());
    into.lines += static_cast<std::uint64_t>(std::ranges::count(read, '\n'));
    into.bytes += read.size();
  }
  sha256_digest(&hash, into.sha256.size(), into.sha256.data());
  const std::chrono::nanoseconds time = std::chrono::steady_clock::now() - start;
  into.nanoseconds = static_cast<std::uint64_t>(time.count());
  return {};
}

}  // namespace demo
