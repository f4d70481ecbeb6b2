#include "service/tracer_memory.hpp"

#include <algorithm>
#include <cstring>

namespace scm::inline v0_1::detail {
namespace {

constexpr std::uint64_t memory_page = 4096;  // the smallest there is
constexpr std::uint64_t before = 256;

}  // namespace

nearby_memory::nearby_memory(foreign_memory& whole, std::uint64_t address) noexcept
    : whole_{&whole}, start_{std::max(address - address % memory_page, address - std::min(address, before))} {}

std::size_t nearby_memory::room() const noexcept {
  return static_cast<std::size_t>(std::min<std::uint64_t>(window_.size(), memory_page - start_ % memory_page));
}

bool nearby_memory::covers(std::span<const foreign_source> parts) const noexcept {
  return std::ranges::all_of(parts, [this](const foreign_source& part) {
    if (part.into.empty()) return true;
    return part.address >= start_ && part.address - start_ <= room() &&
           part.into.size() <= room() - (part.address - start_);
  });
}

bool nearby_memory::take(const foreign_source& part) const noexcept {
  if (part.address < start_ || part.address - start_ > size_) return false;
  const auto offset = static_cast<std::size_t>(part.address - start_);
  if (part.into.size() > size_ - offset) return false;
  if (!part.into.empty()) std::memcpy(part.into.data(), window_.data() + offset, part.into.size());
  return true;
}

result<std::size_t> nearby_memory::read(std::span<const foreign_source> parts) noexcept {
  if (!read_) {
    read_ = true;
    const foreign_source source{start_, std::span{window_}.first(room())};
    const auto got = whole_->read({&source, 1});
    if (!got) return std::unexpected{got.error()};
    size_ = *got;
  }
  std::size_t sum = 0;
  while (!parts.empty()) {
    if (take(parts.front())) {
      sum += parts.front().into.size();
      parts = parts.subspan(1);
      continue;
    }
    // As many as are not near, in one read.
    std::size_t count = 1, asked = parts.front().into.size();
    while (count != parts.size() && !take(parts[count])) asked += parts[count++].into.size();
    const auto got = whole_->read(parts.first(count));
    if (!got) return std::unexpected{got.error()};
    sum += *got;
    if (*got != asked) break;
    parts = parts.subspan(count);
  }
  return sum;
}

}  // namespace scm::inline v0_1::detail
