/// A message that another process passes to sendmsg(2) or recvmsg(2), as a snapshot.
#pragma once

#include <scm/core/limits.hpp>
#include <scm/foreign/layout.hpp>
#include <scm/foreign/memory.hpp>

#include <boost/container/small_vector.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace scm::inline v0_1 {

/// For what a message is passed: the kernel reads name and control data of what is sent, and only writes them
/// otherwise.
enum class message_use : unsigned char { send, receive };

/// What a receive gives back; everything is borrowed.
struct foreign_answer {
  std::span<const std::byte> payload{};   ///< Goes into the buffers, in order; what they do not hold is left out.
  std::span<const std::byte> control{};   ///< Of the receiver's layout and no more than its room: `control_placer`.
  std::span<const std::byte> name{};      ///< The sender's address, whole; cut to the room for it.
  std::uint32_t flags = 0;                ///< msg_flags.
  std::optional<std::uint32_t> length{};  ///< msg_len, of a recvmmsg(2).
};

/// The message. Everything that is decided about it, now and later, is decided on this copy.
class SCM_API foreign_message {
 public:
  /// Reads the message whose header is at `address`: one read for the header, one for all that it points to, none of a
  /// byte that was read before. Errors: what the kernel answers, in its order (docs/design.md): EFAULT, EINVAL,
  /// EMSGSIZE, ENOBUFS, ENOMEM; `not_enough_memory` before anything that would need it was read; those of `memory`.
  /// Of control data longer than `most_control` nothing is read: who knows net.core.optmem_max can say it for 64 bits,
  /// where the kernel refuses such a size before it looks.
  [[nodiscard]] static result<foreign_message> read(foreign_memory& memory, std::uint64_t address, abi layout,
                                                    message_use use,
                                                    std::size_t most_control = limits::foreign_control_bytes) noexcept;

  foreign_message(foreign_message&&) noexcept = default;
  foreign_message& operator=(foreign_message&&) noexcept = default;
  ~foreign_message() = default;

  /// As it was passed.
  [[nodiscard]] const foreign_header& header() const noexcept { return header_; }
  [[nodiscard]] abi layout() const noexcept { return layout_; }

  /// The address to send to: empty for none, at most 128 bytes. Empty for a receive.
  [[nodiscard]] std::span<const std::byte> name() const noexcept { return {name_.data(), name_size_}; }
  /// The control data to send. Empty for a receive.
  [[nodiscard]] std::span<const std::byte> control() const noexcept { return {control_.data(), control_.size()}; }
  /// Room for control data: 0 when there is no address for it.
  [[nodiscard]] std::uint64_t control_room() const noexcept { return header_.control == 0 ? 0 : header_.control_size; }
  /// At most 1024, together no longer than `limits::foreign_payload_bytes`.
  [[nodiscard]] std::span<const foreign_buffer> buffers() const noexcept { return {buffers_.data(), buffers_.size()}; }
  /// Bytes in all buffers.
  [[nodiscard]] std::size_t payload_size() const noexcept { return payload_size_; }

  /// Copies what the buffers hold, at most `into.size()` bytes, in one read. How many bytes came: fewer than there are
  /// when a buffer cannot be read, which a datagram answers with EFAULT and a stream, if there were some, with a
  /// shorter send. Errors: `not_enough_memory`, those of `memory`.
  [[nodiscard]] result<std::size_t> read_payload(foreign_memory& memory, std::span<std::byte> into) const noexcept;

  /// Writes the result of a receive, as the kernel does: payload, control data, name, then the header's fields, of
  /// which msg_namelen only where there was an address for the name. Errors: EFAULT when something cannot be written,
  /// what comes before it is; `not_enough_memory`, those of `memory`.
  [[nodiscard]] result<void> write_back(foreign_memory& memory, const foreign_answer& answer) const noexcept;

  /// Writes msg_len, when the header is that of a sendmmsg(2). Errors: EFAULT, those of `memory`.
  [[nodiscard]] result<void> write_length(foreign_memory& memory, std::uint32_t sent) const noexcept;

 private:
  foreign_message(std::uint64_t address, abi layout, const foreign_header& header) noexcept
      : address_{address}, header_{header}, layout_{layout} {}
  result<void> read_rest(foreign_memory& memory, message_use use, std::size_t most_control) noexcept;
  result<void> judge_buffers(std::span<const std::byte> array) noexcept;

  std::uint64_t address_;
  foreign_header header_;
  abi layout_;
  std::size_t name_size_ = 0;
  std::size_t payload_size_ = 0;
  std::array<std::byte, limits::foreign_name_bytes> name_{};
  boost::container::small_vector<foreign_buffer, 8> buffers_;
  boost::container::small_vector<std::byte, 256> control_;
};

}  // namespace scm::inline v0_1
