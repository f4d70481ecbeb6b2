/// Admission: holding received descriptors to what was agreed, and saying why one is turned away.
#pragma once

#include <scm/core/fd.hpp>
#include <scm/core/result.hpp>
#include <scm/inspect/expectation.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace scm::inline v0_1 {

/// What does not match, in the order in which it is looked at.
enum class mismatch : unsigned char {
  missing,         ///< Fewer descriptors than agreed. `found` and `wanted` are counts.
  surplus,         ///< More.
  not_examined,    ///< `refusal::code` says why: EBADF, a security module, …
  kind,            ///< `found` is a descriptor_kind, `wanted` the bits of a kind_set.
  access,          ///< `found` is an access_mode, `wanted` the bits of an access_set.
  flags_missing,   ///< Bits: 1 << its place in `status_flags`. `wanted` are those missing.
  flags_present,   ///< `wanted` are those that should not be there.
  seals,           ///< `found` and `wanted` are bits of a seal_set.
  size_below,      ///< `found` is the size, `wanted` the least.
  size_above,      ///< `found` is the size, `wanted` the most.
  no_size,         ///< Its kind has none, or it cannot be known.
  device,          ///< Major number << 32 | minor; `found` is 0 for what is no device.
  no_socket,       ///< Something was said about a socket, and it is none.
  socket_family,   ///< AF_*
  socket_type,     ///< SOCK_*
  not_listening,   ///< A socket that must be.
  listening,       ///< A socket that must not be.
  another_object,  ///< `found` and `wanted` are inode numbers.
  place,           ///< It lies elsewhere, or its path cannot be known.
};

class refusal_text;

/// Why descriptors were not admitted.
struct refusal {
  std::error_code code;  ///< `not_admitted`, or why it could not be examined.
  mismatch what = mismatch::not_examined;
  std::size_t position = 0;  ///< Of the descriptor in its message; of `missing` and `surplus` the first such.
  std::uint64_t found = 0;
  std::uint64_t wanted = 0;

  /// "descriptor 1 is regular_file, not memfd". Safe to print: it holds no bytes of a stranger.
  [[nodiscard]] SCM_API refusal_text text() const noexcept;
  /// The same without which descriptor: "is regular_file, not memfd".
  [[nodiscard]] SCM_API refusal_text detail() const noexcept;
  operator std::error_code() const noexcept { return code; }
  friend bool operator==(const refusal& error, std::error_code other) noexcept { return error.code == other; }
  friend bool operator==(const refusal& error, std::error_condition other) noexcept { return error.code == other; }
};

class refusal_text {
 public:
  [[nodiscard]] std::string_view view() const noexcept { return {chars_.data(), size_}; }

 private:
  friend struct refusal;
  std::array<char, 640> chars_;  // longer than a refusal that names every kind
  std::size_t size_ = 0;
};

/// What the descriptors of one message must be: how many, and each. Borrows the expectations.
class admission {
 public:
  /// As many as there are expectations, one for each position.
  constexpr admission(std::span<const expectation> each) noexcept
      : each_{each}, least_{each.size()}, most_{each.size()} {}
  template <std::size_t Size>
  constexpr admission(const expectation (&each)[Size]) noexcept : admission{std::span<const expectation>{each}} {}
  template <std::size_t Size>
  constexpr admission(const std::array<expectation, Size>& each) noexcept
      : admission{std::span<const expectation>{each}} {}
  /// From `least` to `most`; the last expectation holds for all that follow. Without an expectation none is admitted.
  constexpr admission(std::span<const expectation> each, std::size_t least, std::size_t most) noexcept
      : each_{each}, least_{least}, most_{each.empty() ? 0 : most} {}
  /// From `least` to `most`, and the same of each.
  constexpr admission(const expectation& every, std::size_t least, std::size_t most) noexcept
      : admission{std::span{&every, 1}, least, most} {}

  [[nodiscard]] constexpr std::size_t least() const noexcept { return least_; }
  [[nodiscard]] constexpr std::size_t most() const noexcept { return most_; }
  /// `position` must be below `most`.
  [[nodiscard]] constexpr const expectation& of(std::size_t position) const noexcept {
    return each_[position < each_.size() ? position : each_.size() - 1];
  }

 private:
  std::span<const expectation> each_;
  std::size_t least_;
  std::size_t most_;
};

/// Looks at the descriptor itself and at nothing that a path leads to; changes nothing, reads nothing of it, and keeps
/// nothing open. Waits for no file system behind it (see `describe`).
[[nodiscard]] SCM_API result<void, refusal> admit(borrowed_fd fd, const expectation& expected) noexcept;
/// The same for all of a message. The count is looked at first.
[[nodiscard]] SCM_API result<void, refusal> admit(std::span<const borrowed_fd> fds, const admission& policy) noexcept;
[[nodiscard]] SCM_API result<void, refusal> admit(std::span<const owned_fd> fds, const admission& policy) noexcept;

}  // namespace scm::inline v0_1
