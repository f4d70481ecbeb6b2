#include <scm/foreign/memory.hpp>

#include "core/os_error.hpp"
#include "core/sys.hpp"

#include <scm/core/limits.hpp>

#include <boost/container/small_vector.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace scm::inline v0_1 {
namespace {

std::span<std::byte> local(const foreign_source& part) noexcept { return part.into; }
std::span<std::byte> local(const foreign_target& part) noexcept {
  return {const_cast<std::byte*>(part.from.data()), part.from.size()};
}

// Whether the range can be put to the kernel: none that wraps around is there, and for a 32-bit process none above its
// own addresses, which would otherwise be cut to something below.
bool addressable(std::uint64_t address, std::size_t size) noexcept {
  return size == 0 || size - 1 <= std::numeric_limits<std::uintptr_t>::max() - address;
}

// Moves all parts by calls of as many as the kernel takes in one (UIO_MAXIOV).
template <class Part, class Move>
result<std::size_t> moved(std::span<const Part> parts, Move move) noexcept {
  using vectors = boost::container::small_vector<iovec, 16>;
  vectors here, there;
  try {
    here.reserve(std::min(parts.size(), limits::buffers_per_message));
    there.reserve(here.capacity());
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  std::size_t sum = 0;
  while (!parts.empty()) {
    here.clear();
    there.clear();
    std::size_t asked = 0;
    bool whole = true;
    for (const Part& part : parts.first(std::min(parts.size(), limits::buffers_per_message))) {
      const auto bytes = local(part);
      whole = addressable(part.address, bytes.size());
      if (!whole) break;
      here.push_back({bytes.data(), bytes.size()});
      there.push_back({reinterpret_cast<void*>(static_cast<std::uintptr_t>(part.address)), bytes.size()});
      asked += bytes.size();
    }
    if (asked != 0) {
      const ssize_t got = move(here, there);
      if (got < 0 && errno != EFAULT) return detail::os_failure();
      sum += got < 0 ? 0 : static_cast<std::size_t>(got);
      whole = whole && got >= 0 && static_cast<std::size_t>(got) == asked;
    }
    if (!whole) break;
    parts = parts.subspan(here.size());
  }
  return sum;
}

}  // namespace

result<std::size_t> process_memory::read(std::span<const foreign_source> parts) noexcept {
  return moved(parts, [this](const auto& here, const auto& there) {
    return sys::process_vm_readv(thread_, here.data(), here.size(), there.data(), there.size());
  });
}

result<std::size_t> process_memory::write(std::span<const foreign_target> parts) noexcept {
  return moved(parts, [this](const auto& here, const auto& there) {
    return sys::process_vm_writev(thread_, here.data(), here.size(), there.data(), there.size());
  });
}

}  // namespace scm::inline v0_1
