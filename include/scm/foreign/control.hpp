/// Control data between the two layouts: what another process sends, and what it is to receive.
#pragma once

#include <scm/core/control_buffer.hpp>
#include <scm/core/control_view.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace scm::inline v0_1 {

/// Whether the kernel takes `bytes` for control data before it looks at what is in it. It does so for 64 bits; of 32
/// bits it wants a header at least, right lengths and no byte after the last message, which may lack its padding.
/// Nothing is right, too. Errors: EINVAL.
[[nodiscard]] SCM_API result<void> check_sent_control(std::span<const std::byte> bytes, abi layout) noexcept;

/// The messages that a process sends, in another layout: payloads stay as they are, as in the kernel. What
/// `check_sent_control` refuses, a length that is wrong and more than 253 descriptors are EINVAL. Numbers of
/// descriptors are the sender's, still. Errors: `not_enough_memory` as well.
[[nodiscard]] SCM_API result<control_buffer> convert_sent_control(std::span<const std::byte> bytes, abi from,
                                                                  abi to = abi::native) noexcept;

/// The control data of one receive, put together as the kernel does it, in the receiver's layout and the room that it
/// gave (put_cmsg and scm_detach_fds, kernel facts B1 to B4, H2, H3).
class SCM_API control_placer {
 public:
  /// `room` is msg_controllen; 0 where msg_control is null.
  control_placer(abi layout, std::uint64_t room) noexcept;

  /// Takes memory for so many bytes, so that `put` needs none up to there.
  [[nodiscard]] result<void> reserve(std::size_t bytes) noexcept { return placed_.reserve(bytes); }

  /// How many descriptors find room now: no more need be installed in the receiver.
  [[nodiscard]] std::size_t descriptors_that_fit() const noexcept;

  /// Adds a message, or what there is room for: whole descriptors, a pidfd or nothing, the beginning of anything else.
  /// SCM_TIMESTAMP, SCM_TIMESTAMPNS and SCM_TIMESTAMPING change their size with the layout. Descriptors and pidfds are
  /// numbers in the receiver's table. Errors: `not_enough_memory`, and nothing was added; `over_limit` past 253
  /// descriptors.
  [[nodiscard]] result<void> put(const control_message& message) noexcept;

  /// What to write to msg_control; its size is that of msg_controllen. It changes with the next `put`.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return placed_.bytes().first(used_); }
  /// Whether something did not fit: MSG_CTRUNC.
  [[nodiscard]] bool cut() const noexcept { return cut_; }

 private:
  control_buffer placed_;
  std::size_t room_;
  std::size_t used_ = 0;
  bool cut_ = false;
};

}  // namespace scm::inline v0_1
