/// The descriptors of one message, owned, in the order in which they were sent.
#pragma once

#include <scm/core/fd.hpp>
#include <scm/core/limits.hpp>

#include <boost/container/small_vector.hpp>

#include <climits>
#include <cstddef>
#include <span>
#include <system_error>

namespace scm::inline v0_1 {

/// A sequence of slots. A slot holds a descriptor, or is refused (it carries the errno that the kernel put in the
/// descriptor's place: SO_RIGHTS_NOTRUNC, or an SCM_PIDFD at EMFILE), or is empty because it was taken.
/// What is not taken is closed when the list dies. The first `inline_descriptors + 1` slots need no allocation.
class SCM_API descriptor_list {
 public:
  descriptor_list() noexcept = default;
  descriptor_list(descriptor_list&& other) noexcept;
  descriptor_list& operator=(descriptor_list&& other) noexcept;
  ~descriptor_list() {
    if (!slots_.empty()) clear();
  }

  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
  [[nodiscard]] bool empty() const noexcept { return slots_.empty(); }

  /// The descriptor in a slot, lent; invalid when the slot is refused or empty, or there is no such slot.
  [[nodiscard]] borrowed_fd operator[](std::size_t slot) const& noexcept {
    return slot < slots_.size() && slots_[slot] ? slots_[slot] : borrowed_fd{-1};
  }
  borrowed_fd operator[](std::size_t slot) && = delete;  // it would be closed before it is used
  /// The descriptor in a slot, handed over; empty when there is none. The slot is empty afterwards.
  [[nodiscard]] owned_fd take(std::size_t slot) noexcept;

  /// Why the kernel refused a slot; a code of value 0 when it did not.
  [[nodiscard]] std::error_code refusal(std::size_t slot) const noexcept;

  /// All slots, lent, to forward them; refused and taken slots are negative and the kernel answers EBADF to them.
  [[nodiscard]] std::span<const borrowed_fd> view() const& noexcept { return {slots_.data(), slots_.size()}; }
  std::span<const borrowed_fd> view() && = delete;
  operator std::span<const borrowed_fd>() const& noexcept { return view(); }
  operator std::span<const borrowed_fd>() && = delete;

  /// Closes everything and leaves no slot.
  void clear() noexcept;

  /// Takes room for `slots` in all, so that as many adoptions cannot fail. Errors: not_enough_memory.
  [[nodiscard]] result<void> reserve(std::size_t slots) noexcept {
    if (slots <= slots_.capacity()) return {};
    return grow(slots);
  }

  /// Adds a slot with a number that the kernel put there: a descriptor, which the list owns from now on, or a negative
  /// errno. Cannot fail within reserved room; past it the descriptor is closed and the answer is false.
  [[nodiscard]] bool adopt(int slot_or_errno) noexcept {
    if (slots_.size() == slots_.capacity()) [[unlikely]]
      return spill(slot_or_errno);
    slots_.push_back(borrowed_fd{slot_or_errno});
    return true;
  }
  /// The same for a descriptor owned by somebody; an empty one makes an empty slot.
  [[nodiscard]] bool adopt(owned_fd&& descriptor) noexcept { return adopt(descriptor ? descriptor.release() : taken); }

 private:
  static constexpr int taken = INT_MIN;  // no errno is that large
  result<void> grow(std::size_t slots) noexcept;
  static bool spill(int slot_or_errno) noexcept;

  boost::container::small_vector<borrowed_fd, limits::inline_descriptors + 1> slots_;
};

}  // namespace scm::inline v0_1
