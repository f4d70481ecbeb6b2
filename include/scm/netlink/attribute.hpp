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
class netlink_attribute_walk : public detail::netlink_items<nlattr, std::uint16_t> {
 public:
  constexpr explicit netlink_attribute_walk(std::span<const std::byte> bytes, std::size_t skipped = 0) noexcept
      : netlink_items{bytes} {
    skip(skipped);
  }

  /// The next attribute, or nothing at the end and at the first fault.
  [[nodiscard]] constexpr std::optional<netlink_attribute> next() noexcept {
    const auto found = next_item();
    if (!found) return std::nullopt;
    const auto type = detail::load<std::uint16_t>(found->bytes, offsetof(nlattr, nla_type));
    return netlink_attribute{
        static_cast<std::uint16_t>(type & NLA_TYPE_MASK),
        (type & NLA_F_NESTED) != 0,
        (type & NLA_F_NET_BYTEORDER) != 0,
        found->bytes.subspan(sizeof(nlattr)),
        found->offset,
    };
  }
};

}  // namespace scm::inline v0_1
