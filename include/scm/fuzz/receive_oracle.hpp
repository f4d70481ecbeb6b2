/// What the kernel writes into a receiver's control buffer: the result of recvmsg(2), predicted.
#pragma once

#include <scm/core/cmsg.hpp>

#include <algorithm>
#include <cstddef>

namespace scm::inline v0_1::fuzz {

/// A control buffer that the kernel fills, item by item in its order: timestamp, credentials, label, rights, pidfd,
/// queued bytes (kernel fact E1). Sizes in bytes; the layout is the receiver's.
class receive_oracle {
 public:
  /// `room` as msg_controllen goes in.
  constexpr explicit receive_oracle(std::size_t room, abi layout = abi::native) noexcept
      : room_{room}, left_{room}, layout_{layout} {}

  /// An item of the kernel's own (put_cmsg): cut in place where it does not fit (B3). The payload bytes that arrive,
  /// or -1 for no item at all.
  constexpr long put(std::size_t payload) noexcept {
    const std::size_t header = cmsg_header_size(layout_);
    if (left_ < header) {
      cut_ = true;
      return -1;
    }
    if (left_ < header + payload) cut_ = true;
    const std::size_t arrives = std::min(payload, left_ - header);
    consume(payload);
    return static_cast<long>(arrives);
  }

  /// SCM_RIGHTS of `sent` descriptors, in a process with `free` slots left in its table: how many are installed (B1,
  /// B7). What is not installed is closed, and no header is written for none (B3).
  constexpr std::size_t put_rights(std::size_t sent, std::size_t free) noexcept {
    if (sent == 0) return 0;
    const std::size_t header = cmsg_header_size(layout_);
    const std::size_t fit = left_ > header ? (left_ - header) / 4 : 0;
    const std::size_t installed = std::min({sent, fit, free});
    if (installed < sent) cut_ = true;
    if (installed != 0) consume(4 * installed);
    return installed;
  }

  /// SCM_PIDFD (E9): whole or not at all. With a full table the item arrives all the same, with a negative errno.
  constexpr bool put_pidfd() noexcept {
    if (left_ < cmsg_len(4, layout_)) {
      cut_ = true;
      return false;
    }
    consume(4);
    return true;
  }

  /// msg_controllen as it comes out, and whether msg_flags has MSG_CTRUNC.
  [[nodiscard]] constexpr std::size_t size() const noexcept { return room_ - left_; }
  [[nodiscard]] constexpr bool cut() const noexcept { return cut_; }

 private:
  constexpr void consume(std::size_t payload) noexcept { left_ -= std::min(cmsg_space(payload, layout_), left_); }

  std::size_t room_, left_;
  abi layout_;
  bool cut_ = false;
};

}  // namespace scm::inline v0_1::fuzz
