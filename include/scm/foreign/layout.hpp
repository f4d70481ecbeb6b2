/// The structures of a message call as they lie in memory, for 64 bits and for 32: fields to bytes and back.
#pragma once

#include <scm/core/cmsg.hpp>
#include <scm/core/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace scm::inline v0_1 {

/// Sizes and offsets of struct user_msghdr, mmsghdr and iovec in the kernel's own layout (kernel fact H1).
struct message_layout {
  std::size_t name, name_size, buffers, buffer_count, control, control_size, flags;  ///< Offsets in a msghdr.
  std::size_t header;                                                                ///< sizeof(msghdr).
  std::size_t batch_length;  ///< Offset of msg_len in a mmsghdr, which begins with a msghdr.
  std::size_t batch_header;  ///< sizeof(mmsghdr).
  std::size_t word;          ///< sizeof(long), of a pointer, of half an iovec.
};
[[nodiscard]] constexpr message_layout message_layout_of(abi layout) noexcept {
  if (layout == abi::lp64) return {0, 8, 16, 24, 32, 40, 48, 56, 56, 64, 8};
  return {0, 4, 8, 12, 16, 20, 24, 28, 28, 32, 4};
}

/// The fields of a msghdr as their process wrote them: nothing is checked yet. Addresses are that process's.
struct foreign_header {
  std::uint64_t name = 0;
  std::int32_t name_size = 0;
  std::uint64_t buffers = 0;
  std::uint64_t buffer_count = 0;
  std::uint64_t control = 0;
  std::uint64_t control_size = 0;
  std::uint32_t flags = 0;

  friend bool operator==(const foreign_header&, const foreign_header&) noexcept = default;
};
/// An iovec. Of 32 bits a length is extended as unsigned.
struct foreign_buffer {
  std::uint64_t address = 0;
  std::uint64_t size = 0;

  friend bool operator==(const foreign_buffer&, const foreign_buffer&) noexcept = default;
};

// Decoders take at least as many bytes as the structure has. Encoders write exactly those, padding as zeros, and fail
// with `over_limit`, having written nothing, when a value does not fit into the layout.

[[nodiscard]] SCM_API foreign_header decode_header(std::span<const std::byte> bytes, abi layout) noexcept;
[[nodiscard]] SCM_API result<void> encode_header(const foreign_header& header, abi layout,
                                                 std::span<std::byte> into) noexcept;
[[nodiscard]] SCM_API foreign_buffer decode_buffer(std::span<const std::byte> bytes, abi layout) noexcept;
[[nodiscard]] SCM_API result<void> encode_buffer(const foreign_buffer& buffer, abi layout,
                                                 std::span<std::byte> into) noexcept;

/// How a timespec or timeval lies in memory: two words of the layout, or what 32-bit programs with a 64-bit time_t pass
/// (struct __kernel_timespec: recvmmsg_time64).
enum class time_layout : unsigned char { lp64, ilp32, time64 };
[[nodiscard]] constexpr std::size_t time_size(time_layout layout) noexcept {
  return layout == time_layout::ilp32 ? 8 : 16;
}
/// The fraction is in nanoseconds or microseconds, as the structure has it. Of time64 it is 32 bits, the rest padding.
struct foreign_time {
  std::int64_t seconds = 0;
  std::int64_t fraction = 0;

  friend bool operator==(const foreign_time&, const foreign_time&) noexcept = default;
};
[[nodiscard]] SCM_API foreign_time decode_time(std::span<const std::byte> bytes, time_layout layout) noexcept;
[[nodiscard]] SCM_API result<void> encode_time(const foreign_time& time, time_layout layout,
                                               std::span<std::byte> into) noexcept;

/// A timespec as a time to wait, cut to what nanoseconds can say: 292 years. Errors: EINVAL for a negative one, and for
/// a fraction outside of 0 to 999,999,999 (timespec64_valid).
[[nodiscard]] SCM_API result<std::chrono::nanoseconds> as_timeout(const foreign_time& timespec) noexcept;

}  // namespace scm::inline v0_1
