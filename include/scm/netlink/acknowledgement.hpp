/// How the kernel ends an answer (NLMSG_ERROR and NLMSG_DONE), with its words about what was wrong.
#pragma once

#include <scm/netlink/attribute.hpp>

#include <array>

namespace scm::inline v0_1 {

/// What NLMSG_ERROR or NLMSG_DONE says; with NETLINK_EXT_ACK (Linux 4.12) in more than a number.
struct netlink_acknowledgement {
  int error = 0;                           ///< errno; 0: it was done.
  std::string_view text;                   ///< The kernel's words, of success too (a warning); borrowed, any bytes.
  std::optional<std::uint32_t> offset;     ///< Of the attribute at fault, from the start of the request's message.
  std::optional<std::uint32_t> missing;    ///< The type of the attribute that should have been there (Linux 6.1).
  std::optional<std::uint32_t> nested_at;  ///< The offset of the attribute inside which it is missing.
  std::span<const std::byte> cookie;       ///< What some families add on success.
};

/// Decodes the payload of a message of one of the two types. An NLMSG_DONE without an error in it is one of success.
/// Faults: a payload too short for what it must hold, or attributes that break the rules (`netlink_attribute_walk`);
/// `payload_value` for a number that is no error's, and `payload_size` for a message of another type.
[[nodiscard]] SCM_API result<netlink_acknowledgement, parse_error> decode_acknowledgement(
    const netlink_message& message) noexcept;

/// Why a request was not answered: the code, and the kernel's words where it had any.
class SCM_API netlink_error {
 public:
  /// What `said` says; `said.error` must not be 0.
  explicit netlink_error(const netlink_acknowledgement& said) noexcept;
  /// A failure on this side.
  netlink_error(std::error_code code) noexcept : code_{code} {}
  netlink_error(const parse_error& fault) noexcept : code_{fault.code()} {}

  [[nodiscard]] std::error_code code() const noexcept { return code_; }
  operator std::error_code() const noexcept { return code_; }

  /// "Attribute failed policy validation (byte 20 of the request)"; empty where the kernel said no more than the code.
  /// Printable ASCII, everything else as \xNN, and cut at `limits::netlink_error_text_bytes`.
  [[nodiscard]] std::string_view text() const noexcept { return {chars_.data(), size_}; }

 private:
  std::error_code code_;
  std::array<char, limits::netlink_error_text_bytes> chars_{};
  std::size_t size_ = 0;
};

}  // namespace scm::inline v0_1
