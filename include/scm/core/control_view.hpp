/// The one checked walk over control data: kernel output, foreign memory and fuzzed bytes alike.
#pragma once

#include <scm/core/cmsg.hpp>
#include <scm/core/result.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace scm::inline v0_1 {

/// What breaks the rules of control data, and at which byte of it.
struct parse_error {
  enum class fault : unsigned char {
    too_large,            ///< The whole is larger than `limits::control_bytes`.
    length_below_header,  ///< A message's length does not even cover its own header.
    length_past_end,      ///< A message claims more bytes than are left.
    payload_size,         ///< A payload is not of the size that its type has.
    payload_value,        ///< A payload holds a value that its type cannot have.
  };

  fault what;
  std::size_t offset;  ///< Of the header of the message at fault, from the start of the control data.

  [[nodiscard]] std::error_code code() const noexcept {
    return what == fault::too_large ? errc::over_limit : errc::malformed;
  }
  operator std::error_code() const noexcept { return code(); }
  /// The fault in words, for people.
  [[nodiscard]] SCM_API const char* text() const noexcept;

  friend constexpr bool operator==(const parse_error&, const parse_error&) noexcept = default;
};

/// One control message: its header's fields and the bytes of its payload, padding excluded.
struct control_message {
  int level;
  int type;
  std::span<const std::byte> payload;
  std::size_t offset;  ///< Of its header, from the start of the control data.
  abi layout;
};

namespace detail {
/// An integer of the machine's byte order at `bytes[offset...]`, which must be inside; no alignment is needed.
template <class Integer>
[[nodiscard]] constexpr Integer load(std::span<const std::byte> bytes, std::size_t offset) noexcept {
  const auto field = bytes.subspan(offset, sizeof(Integer));
  std::array<std::byte, sizeof(Integer)> raw{};
  std::copy_n(field.data(), raw.size(), raw.data());
  return std::bit_cast<Integer>(raw);
}
}  // namespace detail

/// Walks control messages as the kernel walks what is sent to it (net/core/scm.c; kernel fact G):
///
///     control_view walk{bytes};
///     while (const auto message = walk.next()) use(*message);
///     if (walk.error()) reject(*walk.error());
///
/// A message whose length is below the header's or past the end stops the walk with an error; what came before it has
/// been handed out. Fewer bytes than a header at the end are padding and ignored, and the last message needs no
/// padding. Offsets and subtraction only: any bytes at any address are safe, and every step makes progress.
/// The bytes are borrowed. Unknown levels and types are handed out like any other.
class control_view {
 public:
  constexpr explicit control_view(std::span<const std::byte> bytes, abi layout = abi::native) noexcept
      : bytes_{bytes}, layout_{layout} {
    if (bytes.size() > limits::control_bytes) fail(parse_error::fault::too_large);
  }

  /// The next message, or nothing at the end and at the first fault.
  [[nodiscard]] constexpr std::optional<control_message> next() noexcept {
    const std::size_t header = cmsg_header_size(layout_);
    const std::size_t left = bytes_.size() - offset_;
    if (left < header) return std::nullopt;

    const bool wide = layout_ == abi::lp64;
    const std::uint64_t length =
        wide ? detail::load<std::uint64_t>(bytes_, offset_) : detail::load<std::uint32_t>(bytes_, offset_);
    if (length < header) return fail(parse_error::fault::length_below_header);
    if (length > left) return fail(parse_error::fault::length_past_end);

    const std::size_t fields = offset_ + (wide ? 8 : 4);
    const auto size = static_cast<std::size_t>(length);
    const control_message message{detail::load<std::int32_t>(bytes_, fields),
                                  detail::load<std::int32_t>(bytes_, fields + 4),
                                  bytes_.subspan(offset_ + header, size - header), offset_, layout_};
    const std::size_t step = cmsg_align(size, layout_);  // cannot wrap: size <= left <= limits::control_bytes
    offset_ += step < left ? step : left;
    return message;
  }

  /// What ended the walk before its end, if anything did.
  [[nodiscard]] constexpr const std::optional<parse_error>& error() const noexcept { return error_; }

 private:
  constexpr std::nullopt_t fail(parse_error::fault what) noexcept {
    error_ = parse_error{what, offset_};
    bytes_ = {};  // nothing is left: the walk is over for good
    offset_ = 0;
    return std::nullopt;
  }

  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
  abi layout_;
  std::optional<parse_error> error_;
};

}  // namespace scm::inline v0_1
