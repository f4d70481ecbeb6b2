/// Sizes of control messages as constant expressions: all CMSG_* arithmetic of the library (cmsg(3)).
#pragma once

#include <scm/core/limits.hpp>

#include <cstddef>
#include <limits>

namespace scm::inline v0_1 {

/// The two layouts of control data on Linux (kernel fact H1). LP64: 16-byte header {u64 length, i32 level, i32 type},
/// 8-byte alignment. ILP32: 12-byte header {u32 length, i32 level, i32 type}, 4-byte alignment.
enum class abi : unsigned char { lp64, ilp32, native = sizeof(long) == 8 ? lp64 : ilp32 };

/// sizeof(cmsghdr).
[[nodiscard]] constexpr std::size_t cmsg_header_size(abi layout = abi::native) noexcept {
  return layout == abi::lp64 ? 16 : 12;
}
/// What CMSG_ALIGN rounds to: sizeof(long) of the layout.
[[nodiscard]] constexpr std::size_t cmsg_alignment(abi layout = abi::native) noexcept {
  return layout == abi::lp64 ? 8 : 4;
}

/// The result of a size computation that does not fit. It never wraps: no array can have this size, so a constant
/// expression fails to compile, and no allocation or system call accepts it at run time.
inline constexpr std::size_t cmsg_overflow = std::numeric_limits<std::size_t>::max();

/// CMSG_ALIGN: `bytes` rounded up to the layout's alignment.
[[nodiscard]] constexpr std::size_t cmsg_align(std::size_t bytes, abi layout = abi::native) noexcept {
  const std::size_t mask = cmsg_alignment(layout) - 1;
  return bytes > cmsg_overflow - mask ? cmsg_overflow : (bytes + mask) & ~mask;
}
/// CMSG_LEN: what cmsg_len holds for a payload of `payload` bytes.
[[nodiscard]] constexpr std::size_t cmsg_len(std::size_t payload, abi layout = abi::native) noexcept {
  const std::size_t header = cmsg_header_size(layout);
  return payload > cmsg_overflow - header ? cmsg_overflow : header + payload;
}
/// CMSG_SPACE: the bytes that such a message takes in a buffer, padding included.
[[nodiscard]] constexpr std::size_t cmsg_space(std::size_t payload, abi layout = abi::native) noexcept {
  const std::size_t length = cmsg_len(payload, layout);
  return length == cmsg_overflow ? cmsg_overflow : cmsg_align(length, layout);
}

/// Room for control data, stated by what is to fit: `std::byte room[control_room{.rights = 3, .pidfd = true}.bytes()]`.
struct control_room {
  std::size_t rights = 0;     ///< Descriptors in one SCM_RIGHTS message.
  bool credentials = false;   ///< SCM_CREDENTIALS, a struct ucred.
  bool pidfd = false;         ///< SCM_PIDFD, an int.
  bool timestamp = false;     ///< SCM_TIMESTAMPNS, a struct timespec.
  bool queued_bytes = false;  ///< SCM_INQ, an int.
  std::size_t label = 0;      ///< SCM_SECURITY, a label of at most so many bytes.
  std::size_t other = 0;      ///< One message of another kind, with a payload of at most so many bytes.

  /// Bytes of buffer for all of it; `cmsg_overflow` when that does not fit.
  [[nodiscard]] constexpr std::size_t bytes(abi layout = abi::native) const noexcept {
    std::size_t sum = 0;
    const auto add = [&](bool wanted, std::size_t payload) {
      const std::size_t space = wanted ? cmsg_space(payload, layout) : 0;
      sum = space > cmsg_overflow - sum ? cmsg_overflow : sum + space;
    };
    // Those of a known size first: until then a compiler sees that nothing can overflow.
    add(timestamp, layout == abi::lp64 ? 16 : 8);
    add(credentials, 12);
    add(pidfd, 4);
    add(queued_bytes, 4);
    add(label != 0, label);
    add(rights != 0, rights > cmsg_overflow / 4 ? cmsg_overflow : rights * 4);
    add(other != 0, other);
    return sum;
  }
};

}  // namespace scm::inline v0_1
