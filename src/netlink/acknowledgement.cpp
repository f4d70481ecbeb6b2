#include <scm/netlink/acknowledgement.hpp>

#include "core/escape.hpp"
#include "core/os_error.hpp"

#include <charconv>

namespace scm::inline v0_1 {
namespace {

// MAX_ERRNO: what a negative number can be before it is none of an error's.
constexpr std::int32_t last_error = 4095;

// How much of the payload stands before the attributes: the number, and what it repeats of the request.
result<std::size_t, parse_error> fixed_part(const netlink_message& message) noexcept {
  if (message.type == NLMSG_DONE) return sizeof(std::int32_t);
  const std::size_t headers = sizeof(std::int32_t) + sizeof(nlmsghdr);
  if (message.payload.size() < headers) {
    return std::unexpected{parse_error{parse_error::fault::payload_size, message.offset}};
  }
  if ((message.flags & NLM_F_CAPPED) != 0) return headers;
  const std::size_t length = detail::load<std::uint32_t>(message.payload, sizeof(std::int32_t));
  if (length < sizeof(nlmsghdr) || length > message.payload.size() - sizeof(std::int32_t)) {
    return std::unexpected{parse_error{parse_error::fault::length_past_end, message.offset}};
  }
  return sizeof(std::int32_t) + length;
}

}  // namespace

result<netlink_acknowledgement, parse_error> decode_acknowledgement(const netlink_message& message) noexcept {
  const auto fault = [&](parse_error::fault what) { return std::unexpected{parse_error{what, message.offset}}; };
  if (message.type != NLMSG_ERROR && message.type != NLMSG_DONE) return fault(parse_error::fault::payload_size);
  netlink_acknowledgement out;
  if (message.payload.size() < sizeof(std::int32_t)) {
    if (message.type == NLMSG_DONE) return out;
    return fault(parse_error::fault::payload_size);
  }
  const auto number = detail::load<std::int32_t>(message.payload, 0);
  // The end of a dump can carry a count where other kernels have 0.
  if (number < -last_error || (number > 0 && message.type == NLMSG_ERROR)) {
    return fault(parse_error::fault::payload_value);
  }
  out.error = number < 0 ? -number : 0;
  if ((message.flags & NLM_F_ACK_TLVS) == 0) return out;

  const auto fixed = fixed_part(message);
  if (!fixed) return std::unexpected{fixed.error()};
  netlink_attribute_walk walk{message.payload, *fixed};
  while (const auto attribute = walk.next()) {
    switch (attribute->type) {
      case NLMSGERR_ATTR_MSG:
        out.text = attribute->text();
        break;
      case NLMSGERR_ATTR_OFFS:
        out.offset = attribute->number<std::uint32_t>();
        break;
      case NLMSGERR_ATTR_COOKIE:
        out.cookie = attribute->payload;
        break;
      case NLMSGERR_ATTR_MISS_TYPE:
        out.missing = attribute->number<std::uint32_t>();
        break;
      case NLMSGERR_ATTR_MISS_NEST:
        out.nested_at = attribute->number<std::uint32_t>();
        break;
      default:  // a newer kernel's; the policy that was not met is for who builds messages from it
        break;
    }
  }
  if (walk.error()) return fault(walk.error()->what);
  return out;
}

netlink_error::netlink_error(const netlink_acknowledgement& said) noexcept : code_{detail::os_error(said.error)} {
  const auto add = [this](std::string_view part) {
    if (part.size() > chars_.size() - size_) return false;
    part.copy(chars_.data() + size_, part.size());
    size_ += part.size();
    return true;
  };
  const auto add_number = [&](std::string_view before, std::optional<std::uint32_t> number, std::string_view after) {
    if (!number) return;
    std::array<char, 10> digits;
    const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), *number).ptr;
    if (size_ != 0) add(" ");
    add("(");
    add(before);
    add({digits.data(), static_cast<std::size_t>(end - digits.data())});
    add(after);
    add(")");
  };
  for (const char c : said.text) {
    if (!add(detail::escaped_byte{c}.view())) break;
  }
  add_number("byte ", said.offset, " of the request");
  add_number("attribute ", said.missing, " is missing");
  add_number("inside the one at byte ", said.nested_at, "");
}

}  // namespace scm::inline v0_1
