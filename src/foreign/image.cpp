#include <scm/foreign/memory.hpp>

#include <algorithm>

namespace scm::inline v0_1 {

// The bytes from `address` to the end of the segment that has it; none in a hole.
std::span<std::byte> memory_image::at(std::uint64_t address, bool writing) const noexcept {
  for (const segment& one : segments_) {
    if (address < one.address || address - one.address >= one.bytes.size()) continue;
    if (writing && !one.writable) return {};
    return one.bytes.subspan(static_cast<std::size_t>(address - one.address));
  }
  return {};
}

namespace {
// Moves one part, piece by piece, and says how much of it there was.
template <class Move>
std::size_t moved(std::uint64_t address, std::size_t size, Move move) noexcept {
  std::size_t done = 0;
  while (done != size) {
    const std::uint64_t here = address + done;
    if (here < address) break;  // wrapped around
    const std::size_t more = move(here, done);
    if (more == 0) break;
    done += more;
  }
  return done;
}
}  // namespace

result<std::size_t> memory_image::read(std::span<const foreign_source> parts) noexcept {
  std::size_t sum = 0;
  for (const auto& [address, into] : parts) {
    const std::size_t got = moved(address, into.size(), [&](std::uint64_t here, std::size_t done) {
      const auto from = at(here, false);
      const std::size_t size = std::min(from.size(), into.size() - done);
      std::copy_n(from.data(), size, into.data() + done);
      return size;
    });
    sum += got;
    if (got != into.size()) break;
  }
  return sum;
}

result<std::size_t> memory_image::write(std::span<const foreign_target> parts) noexcept {
  std::size_t sum = 0;
  for (const auto& [address, from] : parts) {
    const std::size_t put = moved(address, from.size(), [&](std::uint64_t here, std::size_t done) {
      const auto into = at(here, true);
      const std::size_t size = std::min(into.size(), from.size() - done);
      std::copy_n(from.data() + done, size, into.data());
      return size;
    });
    sum += put;
    if (put != from.size()) break;
  }
  return sum;
}

}  // namespace scm::inline v0_1
