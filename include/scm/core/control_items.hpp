/// Decoders for the control messages that Linux puts on Unix sockets (unix(7)).
#pragma once

#include <scm/core/control_view.hpp>
#include <scm/core/credentials.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace scm::inline v0_1 {

/// What a control message is. `unknown` is everything else: hand it on, or ignore it.
enum class control_kind : unsigned char { rights, credentials, pidfd, label, timestamp, queued_bytes, unknown };

/// The kind, from level and type alone. Timestamps are SCM_TIMESTAMP and SCM_TIMESTAMPNS, old and new.
[[nodiscard]] SCM_API control_kind kind_of(const control_message& message) noexcept;

// The decoders below expect a message of their kind and look at nothing but its payload: a size that the kind does
// not have is `payload_size`. The kernel cuts payloads short when room is scarce (kernel fact B3), so this happens.

/// The slots of an SCM_RIGHTS message, in the order sent. A slot is a number in the table of the process that the
/// message was made by or for, which need not be this one, or a negative errno where the kernel refused a descriptor.
class rights_view {
 public:
  constexpr explicit rights_view(std::span<const std::byte> payload) noexcept : payload_{payload} {}
  /// Whole slots; 1 to 3 bytes more are ignored, as the kernel does (G4).
  [[nodiscard]] constexpr std::size_t size() const noexcept { return payload_.size() / 4; }
  /// `slot` must be below `size()`.
  [[nodiscard]] constexpr std::int32_t operator[](std::size_t slot) const noexcept {
    return detail::load<std::int32_t>(payload_, slot * 4);
  }

 private:
  std::span<const std::byte> payload_;
};
[[nodiscard]] constexpr rights_view as_rights(const control_message& message) noexcept {
  return rights_view{message.payload};
}

/// The sender as the kernel saw or accepted it: exactly 12 bytes {pid, uid, gid}.
[[nodiscard]] SCM_API result<credentials, parse_error> as_credentials(const control_message& message) noexcept;

/// A pidfd of the sender, installed in the receiver's table, or a negative errno (E9): exactly 4 bytes.
[[nodiscard]] SCM_API result<std::int32_t, parse_error> as_pidfd(const control_message& message) noexcept;

/// The sender's security label, without its terminating NUL; borrowed from the message.
[[nodiscard]] SCM_API std::string_view as_label(const control_message& message) noexcept;

/// A point on the machine's wall clock, as the kernel stamps messages with it.
using wall_time = std::chrono::sys_time<std::chrono::nanoseconds>;

/// When the message was queued. A fraction outside of 0..1 s, or a year past 2262, is `payload_value`.
[[nodiscard]] SCM_API result<wall_time, parse_error> as_timestamp(const control_message& message) noexcept;

/// Bytes that were left in the queue after this receive (SO_INQ): exactly 4 bytes, never negative.
[[nodiscard]] SCM_API result<std::uint32_t, parse_error> as_queued_bytes(const control_message& message) noexcept;

}  // namespace scm::inline v0_1
