#include <scm/core/descriptor_list.hpp>

#include "core/os_error.hpp"
#include "core/renew.hpp"
#include "core/run_closer.hpp"

namespace scm::inline v0_1 {
namespace {

/// On its own, so that a list of one, in which there is no run to look for, does not save registers for it.
[[gnu::noinline]] void close_runs(std::span<const borrowed_fd> slots) noexcept {
  detail::run_closer closer;
  for (const borrowed_fd slot : slots) {
    if (slot) closer.add(slot.native_handle());
  }
}

}  // namespace

descriptor_list::descriptor_list(descriptor_list&& other) noexcept : slots_{std::move(other.slots_)} {
  detail::renew(other.slots_);  // and leaves nothing that both would close
}

descriptor_list& descriptor_list::operator=(descriptor_list&& other) noexcept {
  if (this != &other) {
    clear();
    slots_ = std::move(other.slots_);
    detail::renew(other.slots_);
  }
  return *this;
}

owned_fd descriptor_list::take(std::size_t slot) noexcept {
  if (!(*this)[slot]) return {};
  return owned_fd{std::exchange(slots_[slot], borrowed_fd{taken}).native_handle()};
}

std::error_code descriptor_list::refusal(std::size_t slot) const noexcept {
  if (slot >= slots_.size()) return {};
  const int number = slots_[slot].native_handle();
  return number >= 0 || number == taken ? std::error_code{} : detail::os_error(-number);
}

void descriptor_list::clear() noexcept {
  if (slots_.size() == 1) [[likely]] {
    if (slots_.front()) detail::close_descriptor(slots_.front().native_handle());
  } else {
    close_runs(slots_);
  }
  slots_.clear();
}

result<void> descriptor_list::grow(std::size_t slots) noexcept {
  try {
    slots_.reserve(slots);
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  return {};
}

bool descriptor_list::spill(int slot_or_errno) noexcept {
  if (slot_or_errno >= 0) detail::close_descriptor(slot_or_errno);
  return false;
}

}  // namespace scm::inline v0_1
