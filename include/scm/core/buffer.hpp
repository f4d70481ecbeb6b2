/// The bytes of a message: buffers to send from and to receive into, one or many, never copied.
#pragma once

#include <scm/core/config.hpp>

#include <sys/uio.h>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <ranges>
#include <span>
#include <string_view>
#include <type_traits>

namespace scm::inline v0_1 {

namespace detail {
template <class T>
concept byte_like =
    std::same_as<T, std::byte> || std::same_as<T, char> || std::same_as<T, unsigned char> || std::same_as<T, char8_t>;
template <class R>
concept bytes_to_read = std::ranges::contiguous_range<R> && std::ranges::sized_range<R> &&
                        byte_like<std::remove_cv_t<std::ranges::range_value_t<R>>> &&
                        !(std::is_array_v<R> && (std::same_as<std::ranges::range_value_t<R>, char> ||
                                                 std::same_as<std::ranges::range_value_t<R>, char8_t>));
template <class P>
concept c_string = std::same_as<P, const char*> || std::same_as<P, char*>;
template <class R>
concept bytes_to_write =
    std::ranges::contiguous_range<R> && std::ranges::sized_range<R> && byte_like<std::ranges::range_value_t<R>> &&
    !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<R>>>;
}  // namespace detail

class mutable_buffer;

/// Bytes to send, borrowed: any contiguous range of bytes or characters, or a C string without its NUL. An array of
/// `const char` is a string, which ends at its first NUL, if it has one; one of `char` is a buffer, sent whole. Laid
/// out as an iovec, so that an array of them goes to the kernel as it is; the bytes may be memory that others write,
/// such as a guest's.
class const_buffer {
 public:
  constexpr const_buffer() noexcept = default;
  constexpr const_buffer(const void* data, std::size_t size) noexcept : vector_{const_cast<void*>(data), size} {}
  template <detail::c_string P>
  constexpr const_buffer(const P& text) noexcept : const_buffer{std::string_view{text}} {}
  template <std::size_t N>
  constexpr const_buffer(const char (&text)[N]) noexcept
      : const_buffer{text, std::string_view{text, N}.substr(0, std::string_view{text, N}.find('\0')).size()} {}
  template <std::size_t N>
  constexpr const_buffer(char (&bytes)[N]) noexcept : const_buffer{bytes, N} {}
  const_buffer(std::nullptr_t) = delete;
  constexpr const_buffer(const mutable_buffer& room) noexcept;
  template <detail::bytes_to_read R>
  constexpr const_buffer(const R& bytes) noexcept : const_buffer{std::ranges::data(bytes), std::ranges::size(bytes)} {}

  [[nodiscard]] constexpr const void* data() const noexcept { return vector_.iov_base; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return vector_.iov_len; }

 private:
  iovec vector_{nullptr, 0};
};

/// Room to receive into, borrowed; otherwise as `const_buffer`.
class mutable_buffer {
 public:
  constexpr mutable_buffer() noexcept = default;
  constexpr mutable_buffer(void* data, std::size_t size) noexcept : vector_{data, size} {}
  template <detail::bytes_to_write R>
  constexpr mutable_buffer(R&& bytes) noexcept : mutable_buffer{std::ranges::data(bytes), std::ranges::size(bytes)} {}

  [[nodiscard]] constexpr void* data() const noexcept { return vector_.iov_base; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return vector_.iov_len; }

 private:
  iovec vector_{nullptr, 0};
};

constexpr const_buffer::const_buffer(const mutable_buffer& room) noexcept : const_buffer{room.data(), room.size()} {}

static_assert(std::is_standard_layout_v<const_buffer> && sizeof(const_buffer) == sizeof(iovec));
static_assert(std::is_standard_layout_v<mutable_buffer> && sizeof(mutable_buffer) == sizeof(iovec));

/// One buffer or many as one argument: whatever makes a `Buffer`, or a span, array or vector of them. Borrows what it
/// was made from; meant as a parameter, used before the full expression ends.
template <class Buffer>
class buffers {
 public:
  template <class B>
    requires std::convertible_to<B&&, Buffer>
  constexpr buffers(B&& one) noexcept : one_{static_cast<B&&>(one)} {}
  template <class Many>
    requires(!std::convertible_to<Many &&, Buffer> && std::convertible_to<Many &&, std::span<const Buffer>>)
  constexpr buffers(Many&& many) noexcept : many_{static_cast<Many&&>(many)}, single_{false} {}
  constexpr buffers(std::initializer_list<Buffer> many) noexcept : many_{many.begin(), many.size()}, single_{false} {}

  [[nodiscard]] constexpr std::span<const Buffer> span() const noexcept {
    if (single_) [[likely]]
      return {&one_, 1};
    return many_;
  }
  /// All bytes together, counted up to SIZE_MAX.
  [[nodiscard]] constexpr std::size_t size() const noexcept {
    if (single_) [[likely]]
      return one_.size();
    std::size_t sum = 0;
    for (const Buffer& b : many_) sum = b.size() > ~std::size_t{0} - sum ? ~std::size_t{0} : sum + b.size();
    return sum;
  }

 private:
  Buffer one_;
  std::span<const Buffer> many_;
  bool single_ = true;
};

using const_buffers = buffers<const_buffer>;
using mutable_buffers = buffers<mutable_buffer>;

}  // namespace scm::inline v0_1
