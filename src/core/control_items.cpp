#include <scm/core/control_items.hpp>

#include "core/uapi.hpp"

#include <sys/socket.h>

namespace scm::inline v0_1 {
namespace {

std::unexpected<parse_error> fault(const control_message& message, parse_error::fault what) noexcept {
  return std::unexpected{parse_error{what, message.offset}};
}

result<std::int32_t, parse_error> as_int(const control_message& message) noexcept {
  if (message.payload.size() != sizeof(std::int32_t)) return fault(message, parse_error::fault::payload_size);
  return detail::load<std::int32_t>(message.payload, 0);
}

bool microseconds_in(int type) noexcept { return type == uapi::scm_timestamp || type == uapi::scm_timestamp_new; }
bool always_wide(int type) noexcept { return type == uapi::scm_timestamp_new || type == uapi::scm_timestampns_new; }

}  // namespace

control_kind kind_of(const control_message& message) noexcept {
  if (message.level != SOL_SOCKET) return control_kind::unknown;
  switch (message.type) {
    case SCM_RIGHTS:
      return control_kind::rights;
    case SCM_CREDENTIALS:
      return control_kind::credentials;
    case uapi::scm_security:
      return control_kind::label;
    case uapi::scm_pidfd:
      return control_kind::pidfd;
    case uapi::scm_timestamp:
    case uapi::scm_timestampns:
    case uapi::scm_timestamp_new:
    case uapi::scm_timestampns_new:
      return control_kind::timestamp;
    case uapi::scm_inq:
      return control_kind::queued_bytes;
    default:
      return control_kind::unknown;
  }
}

result<credentials, parse_error> as_credentials(const control_message& message) noexcept {
  if (message.payload.size() != 12) return fault(message, parse_error::fault::payload_size);
  return credentials{detail::load<std::int32_t>(message.payload, 0), detail::load<std::uint32_t>(message.payload, 4),
                     detail::load<std::uint32_t>(message.payload, 8)};
}

result<std::int32_t, parse_error> as_pidfd(const control_message& message) noexcept { return as_int(message); }

std::string_view as_label(const control_message& message) noexcept {
  std::string_view label{reinterpret_cast<const char*>(message.payload.data()), message.payload.size()};
  if (label.ends_with('\0')) label.remove_suffix(1);
  return label;
}

result<wall_time, parse_error> as_timestamp(const control_message& message) noexcept {
  const bool wide = message.layout == abi::lp64 || always_wide(message.type);
  const std::size_t field = wide ? 8 : 4;
  if (message.payload.size() != 2 * field) return fault(message, parse_error::fault::payload_size);
  const auto at = [&](std::size_t offset) -> std::int64_t {
    if (wide) return detail::load<std::int64_t>(message.payload, offset);
    return detail::load<std::int32_t>(message.payload, offset);
  };

  constexpr std::int64_t last_second = INT64_MAX / 1'000'000'000 - 1;
  const std::int64_t seconds = at(0);
  const std::int64_t fraction = at(field);
  const std::int64_t per_second = microseconds_in(message.type) ? 1'000'000 : 1'000'000'000;
  if (seconds > last_second || seconds < -last_second || fraction < 0 || fraction >= per_second) {
    return fault(message, parse_error::fault::payload_value);
  }
  return wall_time{std::chrono::seconds{seconds} + std::chrono::nanoseconds{fraction * (1'000'000'000 / per_second)}};
}

result<std::uint32_t, parse_error> as_queued_bytes(const control_message& message) noexcept {
  const auto value = as_int(message);
  if (!value) return std::unexpected{value.error()};
  if (*value < 0) return fault(message, parse_error::fault::payload_value);
  return static_cast<std::uint32_t>(*value);
}

}  // namespace scm::inline v0_1
