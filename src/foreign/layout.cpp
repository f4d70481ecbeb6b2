#include <scm/foreign/layout.hpp>

#include "core/os_error.hpp"

#include <scm/core/control_view.hpp>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <concepts>
#include <cstring>
#include <ctime>
#include <limits>

namespace scm::inline v0_1 {
namespace {

// Against the C library's structures, in whichever layout this is compiled for; the other is what the other build
// checks.
constexpr message_layout native = message_layout_of(abi::native);
static_assert(native.header == sizeof(msghdr) && native.batch_header == sizeof(mmsghdr));
static_assert(native.name == offsetof(msghdr, msg_name) && native.name_size == offsetof(msghdr, msg_namelen) &&
              native.buffers == offsetof(msghdr, msg_iov) && native.buffer_count == offsetof(msghdr, msg_iovlen) &&
              native.control == offsetof(msghdr, msg_control) &&
              native.control_size == offsetof(msghdr, msg_controllen) && native.flags == offsetof(msghdr, msg_flags) &&
              native.batch_length == offsetof(mmsghdr, msg_len));
static_assert(sizeof(msghdr::msg_namelen) == 4 && sizeof(msghdr::msg_flags) == 4 && sizeof(mmsghdr::msg_len) == 4);
static_assert(native.word == sizeof(void*) && native.word == sizeof(msghdr::msg_iovlen));
static_assert(2 * native.word == sizeof(iovec) && offsetof(iovec, iov_base) == 0 &&
              offsetof(iovec, iov_len) == native.word);
static_assert(cmsg_header_size() == sizeof(cmsghdr) && offsetof(cmsghdr, cmsg_level) == native.word);
static_assert(time_size(abi::native == abi::lp64 ? time_layout::lp64 : time_layout::ilp32) == 2 * native.word);
static_assert(sizeof(time_t) != native.word ||  // a 32-bit build may have a 64-bit time_t
              (sizeof(timespec) == 2 * native.word && offsetof(timespec, tv_nsec) == native.word &&
               sizeof(timeval) == 2 * native.word && offsetof(timeval, tv_usec) == native.word));

std::uint64_t word_at(std::span<const std::byte> bytes, std::size_t offset, abi layout) noexcept {
  return layout == abi::lp64 ? detail::load<std::uint64_t>(bytes, offset) : detail::load<std::uint32_t>(bytes, offset);
}
template <std::integral Integer>
void store(std::span<std::byte> into, std::size_t offset, Integer value) noexcept {
  const auto field = into.subspan(offset, sizeof value);
  std::memcpy(field.data(), &value, field.size());
}
void store_word(std::span<std::byte> into, std::size_t offset, std::uint64_t value, abi layout) noexcept {
  if (layout == abi::lp64) {
    store(into, offset, value);
  } else {
    store(into, offset, static_cast<std::uint32_t>(value));
  }
}
bool fits(abi layout, auto... values) noexcept {
  return layout == abi::lp64 || ((values <= std::numeric_limits<std::uint32_t>::max()) && ...);
}
std::unexpected<std::error_code> too_large() noexcept { return std::unexpected{make_error_code(errc::over_limit)}; }

}  // namespace

foreign_header decode_header(std::span<const std::byte> bytes, abi layout) noexcept {
  const message_layout at = message_layout_of(layout);
  return {.name = word_at(bytes, at.name, layout),
          .name_size = detail::load<std::int32_t>(bytes, at.name_size),
          .buffers = word_at(bytes, at.buffers, layout),
          .buffer_count = word_at(bytes, at.buffer_count, layout),
          .control = word_at(bytes, at.control, layout),
          .control_size = word_at(bytes, at.control_size, layout),
          .flags = detail::load<std::uint32_t>(bytes, at.flags)};
}

result<void> encode_header(const foreign_header& header, abi layout, std::span<std::byte> into) noexcept {
  const message_layout at = message_layout_of(layout);
  if (!fits(layout, header.name, header.buffers, header.buffer_count, header.control, header.control_size)) {
    return too_large();
  }
  std::memset(into.data(), 0, at.header);
  store_word(into, at.name, header.name, layout);
  store(into, at.name_size, header.name_size);
  store_word(into, at.buffers, header.buffers, layout);
  store_word(into, at.buffer_count, header.buffer_count, layout);
  store_word(into, at.control, header.control, layout);
  store_word(into, at.control_size, header.control_size, layout);
  store(into, at.flags, header.flags);
  return {};
}

foreign_buffer decode_buffer(std::span<const std::byte> bytes, abi layout) noexcept {
  return {word_at(bytes, 0, layout), word_at(bytes, message_layout_of(layout).word, layout)};
}

result<void> encode_buffer(const foreign_buffer& buffer, abi layout, std::span<std::byte> into) noexcept {
  if (!fits(layout, buffer.address, buffer.size)) return too_large();
  store_word(into, 0, buffer.address, layout);
  store_word(into, message_layout_of(layout).word, buffer.size, layout);
  return {};
}

foreign_time decode_time(std::span<const std::byte> bytes, time_layout layout) noexcept {
  if (layout == time_layout::ilp32) {
    return {detail::load<std::int32_t>(bytes, 0), detail::load<std::int32_t>(bytes, 4)};
  }
  const auto fraction = detail::load<std::int64_t>(bytes, 8);
  // get_timespec64() drops the padding of a 32-bit program's structure.
  return {detail::load<std::int64_t>(bytes, 0),
          layout == time_layout::time64 ? fraction & std::int64_t{0xffffffff} : fraction};
}

result<void> encode_time(const foreign_time& time, time_layout layout, std::span<std::byte> into) noexcept {
  if (layout == time_layout::ilp32) {
    const auto seconds = static_cast<std::int32_t>(time.seconds);
    const auto fraction = static_cast<std::int32_t>(time.fraction);
    if (seconds != time.seconds || fraction != time.fraction) return too_large();
    store(into, 0, seconds);
    store(into, 4, fraction);
    return {};
  }
  if (layout == time_layout::time64 && (time.fraction < 0 || time.fraction > 0xffffffff)) return too_large();
  store(into, 0, time.seconds);
  store(into, 8, time.fraction);
  return {};
}

result<std::chrono::nanoseconds> as_timeout(const foreign_time& timespec) noexcept {
  constexpr std::int64_t second = 1'000'000'000;
  using std::chrono::nanoseconds;
  if (timespec.seconds < 0 || timespec.fraction < 0 || timespec.fraction >= second) return detail::os_failure(EINVAL);
  if (timespec.seconds >= nanoseconds::max().count() / second) return nanoseconds::max();
  return nanoseconds{timespec.seconds * second + timespec.fraction};
}

}  // namespace scm::inline v0_1
