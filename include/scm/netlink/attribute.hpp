/// The one checked walk over netlink attributes (struct nlattr; rtnetlink(7)).
#pragma once

#include <scm/netlink/message.hpp>

#include <algorithm>
#include <string_view>

namespace scm::inline v0_1 {

/// One attribute: its header's fields and the bytes of its payload, padding excluded.
struct netlink_attribute {
  std::uint16_t type = 0;   ///< Without the two flags.
  bool nested = false;      ///< NLA_F_NESTED: the payload is attributes. Older families nest without saying so.
  bool big_endian = false;  ///< NLA_F_NET_BYTEORDER
  std::span<const std::byte> payload;
  std::size_t offset = 0;  ///< Of its header, from the start of the attributes.

  /// The payload as a number of the machine's byte order; no value when it is of another size.
  template <class Integer>
  [[nodiscard]] constexpr std::optional<Integer> number() const noexcept {
    if (payload.size() != sizeof(Integer)) return {};
    return detail::load<Integer>(payload, 0);
  }
  /// The payload up to its first NUL, or all of it; borrowed. Any bytes: see `safe_text`.
  [[nodiscard]] std::string_view text() const noexcept {
    const auto end = std::ranges::find(payload, std::byte{0});
    return {reinterpret_cast<const char*>(payload.data()), static_cast<std::size_t>(end - payload.begin())};
  }
};

/// Walks attributes, as `netlink_walk` messages and with its rules; the payload of a nested one is walked with a walk
/// of its own. `skipped` bytes in front are the fixed part of the message that has the attributes: a payload that is
/// shorter is the fault `payload_size`.
class netlink_attribute_walk {
 public:
  constexpr explicit netlink_attribute_walk(std::span<const std::byte> bytes, std::size_t skipped = 0) noexcept {
    if (bytes.size() > limits::netlink_bytes) {
      fail(parse_error::fault::too_large);
    } else if (skipped > bytes.size()) {
      fail(parse_error::fault::payload_size);
    } else {
      const std::size_t start = detail::netlink_align(skipped);
      if (start < bytes.size()) bytes_ = bytes.subspan(start);
    }
  }

  /// The next attribute, or nothing at the end and at the first fault.
  [[nodiscard]] constexpr std::optional<netlink_attribute> next() noexcept {
    const std::size_t left = bytes_.size() - offset_;
    if (left < sizeof(nlattr)) return std::nullopt;
    const std::size_t length = detail::load<std::uint16_t>(bytes_, offset_);
    if (length < sizeof(nlattr)) return fail(parse_error::fault::length_below_header);
    if (length > left) return fail(parse_error::fault::length_past_end);

    const auto type = detail::load<std::uint16_t>(bytes_, offset_ + offsetof(nlattr, nla_type));
    const netlink_attribute attribute{
        static_cast<std::uint16_t>(type & NLA_TYPE_MASK),
        (type & NLA_F_NESTED) != 0,
        (type & NLA_F_NET_BYTEORDER) != 0,
        bytes_.subspan(offset_ + sizeof(nlattr), length - sizeof(nlattr)),
        offset_,
    };
    const std::size_t step = detail::netlink_align(length);
    offset_ += step < left ? step : left;
    return attribute;
  }

  /// What ended the walk before its end, if anything did.
  [[nodiscard]] constexpr const std::optional<parse_error>& error() const noexcept { return error_; }

 private:
  constexpr std::nullopt_t fail(parse_error::fault what) noexcept {
    error_ = parse_error{what, offset_};
    bytes_ = {};
    offset_ = 0;
    return std::nullopt;
  }

  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
  std::optional<parse_error> error_;
};

}  // namespace scm::inline v0_1
