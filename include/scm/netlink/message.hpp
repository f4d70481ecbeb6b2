/// The one checked walk over netlink messages: a datagram of the kernel's, or any bytes.
#pragma once

#include <scm/core/control_view.hpp>

#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace scm::inline v0_1 {

/// One message (netlink(7)): its header's fields and the bytes of its payload, padding excluded.
struct netlink_message {
  std::uint16_t type = 0;
  std::uint16_t flags = 0;     ///< NLM_F_*
  std::uint32_t sequence = 0;  ///< That of the request it answers; 0 as a rule where nobody asked.
  std::uint32_t port = 0;      ///< Whom it answers. Written by the sender: no proof of anything.
  std::span<const std::byte> payload;
  std::size_t offset = 0;  ///< Of its header, from the start of the datagram.
};

namespace detail {
/// Netlink's rounding, of messages and of attributes: NLMSG_ALIGNTO and NLA_ALIGNTO. `size` is one that bytes here
/// have.
[[nodiscard]] constexpr std::size_t netlink_align(std::size_t size) noexcept { return size + (0 - size) % 4; }

/// What the walks over messages and attributes are: items one after the other, each beginning with its length, its
/// header included.
template <class Header, class Length>
class netlink_items {
 public:
  /// What ended the walk before its end, if anything did.
  [[nodiscard]] constexpr const std::optional<parse_error>& error() const noexcept { return error_; }

 protected:
  struct item {
    std::span<const std::byte> bytes;  // header and payload
    std::size_t offset;
  };

  constexpr explicit netlink_items(std::span<const std::byte> bytes) noexcept : bytes_{bytes} {
    if (bytes.size() > limits::netlink_bytes) fail(parse_error::fault::too_large);
  }

  [[nodiscard]] constexpr std::optional<item> next_item() noexcept {
    const std::size_t left = bytes_.size() - offset_;
    if (left < sizeof(Header)) return std::nullopt;
    const std::size_t length = load<Length>(bytes_, offset_);
    if (length < sizeof(Header)) return fail(parse_error::fault::length_below_header);
    if (length > left) return fail(parse_error::fault::length_past_end);
    const item found{bytes_.subspan(offset_, length), offset_};
    const std::size_t step = netlink_align(length);  // cannot wrap: length <= left <= limits::netlink_bytes
    offset_ += step < left ? step : left;
    return found;
  }
  /// Leaves out what stands before the items, padding included.
  constexpr void skip(std::size_t size) noexcept {
    if (error_) return;
    if (size > bytes_.size()) {
      fail(parse_error::fault::payload_size);
      return;
    }
    const std::size_t start = netlink_align(size);
    bytes_ = start < bytes_.size() ? bytes_.subspan(start) : std::span<const std::byte>{};
  }

 private:
  constexpr std::nullopt_t fail(parse_error::fault what) noexcept {
    error_ = parse_error{what, offset_};
    bytes_ = {};  // nothing is left: the walk is over for good
    offset_ = 0;
    return std::nullopt;
  }

  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
  std::optional<parse_error> error_;
};
}  // namespace detail

/// Walks the messages of a datagram as the kernel walks what is sent to it (netlink_rcv_skb):
///
///     netlink_walk walk{datagram};
///     while (const auto message = walk.next()) use(*message);
///     if (walk.error()) reject(*walk.error());
///
/// A message whose length is below the header's or past the end stops the walk with an error; what came before it has
/// been handed out. Fewer bytes than a header at the end are padding and ignored, and the last message needs no
/// padding. Offsets and subtraction only: any bytes at any address are safe, and every step makes progress.
/// The bytes are borrowed. Nothing is known of types here: NLMSG_DONE and NLMSG_ERROR are handed out like any other.
class netlink_walk : public detail::netlink_items<nlmsghdr, std::uint32_t> {
 public:
  constexpr explicit netlink_walk(std::span<const std::byte> datagram) noexcept : netlink_items{datagram} {}

  /// The next message, or nothing at the end and at the first fault.
  [[nodiscard]] constexpr std::optional<netlink_message> next() noexcept {
    const auto found = next_item();
    if (!found) return std::nullopt;
    const auto bytes = found->bytes;
    return netlink_message{
        detail::load<std::uint16_t>(bytes, offsetof(nlmsghdr, nlmsg_type)),
        detail::load<std::uint16_t>(bytes, offsetof(nlmsghdr, nlmsg_flags)),
        detail::load<std::uint32_t>(bytes, offsetof(nlmsghdr, nlmsg_seq)),
        detail::load<std::uint32_t>(bytes, offsetof(nlmsghdr, nlmsg_pid)),
        bytes.subspan(sizeof(nlmsghdr)),
        found->offset,
    };
  }
};

}  // namespace scm::inline v0_1
