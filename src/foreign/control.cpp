#include <scm/foreign/control.hpp>

#include "core/os_error.hpp"
#include "core/uapi.hpp"
#include "foreign/control_fault.hpp"

#include <scm/core/control_items.hpp>
#include <scm/foreign/layout.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace scm::inline v0_1 {

std::optional<std::size_t> detail::sent_control_fault(std::span<const std::byte> bytes, abi layout) noexcept {
  if (layout == abi::lp64 || bytes.empty()) return {};
  control_view walk{bytes, layout};
  std::size_t end = 0;
  while (const auto message = walk.next()) {
    end = message->offset + cmsg_space(message->payload.size(), layout);
  }
  if (walk.error()) return walk.error()->offset;
  if (end < bytes.size()) return end;  // less than a header is left, or is all there is
  return {};
}

result<void> check_sent_control(std::span<const std::byte> bytes, abi layout) noexcept {
  if (detail::sent_control_fault(bytes, layout)) return detail::os_failure(EINVAL);
  return {};
}

result<control_buffer> convert_sent_control(std::span<const std::byte> bytes, abi from, abi to) noexcept {
  if (const auto checked = check_sent_control(bytes, from); !checked) return std::unexpected{checked.error()};
  control_buffer converted{to};
  control_view walk{bytes, from};
  while (const auto message = walk.next()) {
    if (const auto done = converted.append(message->level, message->type, message->payload); !done) {
      return done.error() == errc::over_limit ? detail::os_failure(EINVAL) : std::unexpected{done.error()};
    }
  }
  if (walk.error()) return detail::os_failure(EINVAL);
  return converted;
}

namespace {

// The payload of a timestamp in another layout; anything else, and one that was cut, as it is. put_cmsg_compat() drops
// the upper half of what does not fit.
class payload_in {
 public:
  payload_in(const control_message& message, abi layout) noexcept : bytes_{message.payload} {
    const std::size_t times = message.level == SOL_SOCKET && message.layout != layout ? times_of(message.type) : 0;
    const auto in = message.layout == abi::lp64 ? time_layout::lp64 : time_layout::ilp32;
    const auto out = layout == abi::lp64 ? time_layout::lp64 : time_layout::ilp32;
    if (times == 0 || message.payload.size() != times * time_size(in)) return;
    for (std::size_t i = 0; i != times; ++i) {
      foreign_time time = decode_time(message.payload.subspan(i * time_size(in)), in);
      if (out == time_layout::ilp32) {
        time = {static_cast<std::int32_t>(time.seconds), static_cast<std::int32_t>(time.fraction)};
      }
      (void)encode_time(time, out, std::span{converted_}.subspan(i * time_size(out)));
    }
    bytes_ = std::span{converted_}.first(times * time_size(out));
  }
  payload_in(const payload_in&) = delete;
  payload_in& operator=(const payload_in&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  static std::size_t times_of(int type) noexcept {
    if (type == uapi::scm_timestamp || type == uapi::scm_timestampns) return 1;
    return type == uapi::so_timestamping ? 3 : 0;
  }

  std::array<std::byte, 48> converted_{};
  std::span<const std::byte> bytes_;
};

}  // namespace

control_placer::control_placer(abi layout, std::uint64_t room) noexcept
    : placed_{layout}, room_{static_cast<std::size_t>(std::min<std::uint64_t>(room, limits::control_bytes))} {}

std::size_t control_placer::descriptors_that_fit() const noexcept {
  const std::size_t left = room_ - used_;
  const std::size_t header = cmsg_header_size(placed_.layout());
  return left > header ? (left - header) / 4 : 0;
}

result<void> control_placer::put(const control_message& message) noexcept {
  const abi layout = placed_.layout();
  const std::size_t left = room_ - used_;
  const payload_in payload{message, layout};
  std::span<const std::byte> whole = payload.bytes();
  std::span<const std::byte> fitting = whole;

  const control_kind kind = kind_of(message);
  bool placed = left >= cmsg_header_size(layout);
  if (kind == control_kind::rights) {
    whole = whole.first(4 * as_rights(message).size());
    if (whole.empty()) return {};
    fitting = whole.first(4 * std::min(whole.size() / 4, descriptors_that_fit()));
    placed = !fitting.empty();
  } else if (placed) {
    fitting = whole.first(std::min(whole.size(), left - cmsg_header_size(layout)));
    if (kind == control_kind::pidfd) placed = fitting.size() == whole.size();
  }
  if (placed) {
    if (const auto done = placed_.append(message.level, message.type, fitting); !done) return done;
    used_ += std::min(cmsg_space(fitting.size(), layout), left);
  }
  cut_ = cut_ || !placed || fitting.size() != whole.size();
  return {};
}

}  // namespace scm::inline v0_1
