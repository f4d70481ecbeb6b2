#include "guest_memory.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace vhost_user {
namespace {

bool overlap(std::uint64_t a, std::uint64_t a_size, std::uint64_t b, std::uint64_t b_size) {
  return a < b ? b - a < a_size : a - b < b_size;
}

bool wraps(std::uint64_t start, std::uint64_t size) { return size > ~start; }

}  // namespace

answer<guest_memory> guest_memory::map(const memory_table& table, scm::descriptor_list& files) {
  if (table.count == 0 || table.count > most_regions || files.size() != table.count) {
    return std::unexpected{fmt::format("{} regions and {} descriptors", table.count, files.size())};
  }
  guest_memory made;
  for (std::size_t i = 0; i != table.count; ++i) {
    const memory_region& told = table.regions[i];
    if (told.size == 0 || wraps(told.guest_address, told.size) || wraps(told.user_address, told.size) ||
        wraps(told.offset, told.size) || told.offset + told.size > PTRDIFF_MAX) {
      return std::unexpected{fmt::format("region {} is not in the address space", i)};
    }
    for (const region& other : made.regions_) {
      if (overlap(told.guest_address, told.size, other.guest_address, other.bytes.size()) ||
          overlap(told.user_address, told.size, other.user_address, other.bytes.size())) {
        return std::unexpected{fmt::format("region {} overlaps another", i)};
      }
    }
    auto mapped = scm::shared_memory::map(
        files.take(i), {.writable = true, .least = static_cast<std::size_t>(told.offset + told.size)});
    if (!mapped) return std::unexpected{fmt::format("region {} {}", i, mapped.error().detail().view())};
    const auto bytes =
        mapped->writable().subspan(static_cast<std::size_t>(told.offset), static_cast<std::size_t>(told.size));
    made.regions_.push_back({std::move(*mapped), told.guest_address, told.user_address, bytes});
  }
  return made;
}

const guest_memory::region* guest_memory::region_of(std::uint64_t guest_address) const {
  const auto found = std::ranges::find_if(
      regions_, [&](const region& one) { return guest_address - one.guest_address < one.bytes.size(); });
  return found == regions_.end() ? nullptr : &*found;
}

bool guest_memory::find(std::uint64_t guest_address, std::uint64_t size, std::vector<iovec>& pieces) const {
  const std::size_t before = pieces.size();
  while (size != 0) {
    const region* const in = region_of(guest_address);
    if (in == nullptr) {
      pieces.resize(before);
      return false;
    }
    const auto rest = in->bytes.subspan(static_cast<std::size_t>(guest_address - in->guest_address));
    const auto here = static_cast<std::size_t>(std::min<std::uint64_t>(size, rest.size()));
    pieces.push_back({rest.data(), here});
    guest_address += here;
    size -= here;
  }
  return true;
}

std::byte* guest_memory::find_whole(std::uint64_t guest_address, std::uint64_t size) const {
  const region* const in = region_of(guest_address);
  if (in == nullptr || size > in->bytes.size() - (guest_address - in->guest_address)) return nullptr;
  return in->bytes.data() + (guest_address - in->guest_address);
}

std::byte* guest_memory::find_user(std::uint64_t user_address, std::uint64_t size) const {
  for (const region& in : regions_) {
    const std::uint64_t at = user_address - in.user_address;
    if (at < in.bytes.size() && size <= in.bytes.size() - at) return in.bytes.data() + at;
  }
  return nullptr;
}

}  // namespace vhost_user
