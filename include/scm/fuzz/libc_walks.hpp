/// The rules by which the CMSG_ macros of two C libraries walk over control data, to compare a parser with.
#pragma once

#include <scm/fuzz/walk_models.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace scm::inline v0_1::fuzz {

namespace detail {
/// What the macros of both libraries have in common: CMSG_FIRSTHDR hands out a first header that is wholly inside;
/// CMSG_NXTHDR goes `Rule::step` bytes on from the last one, if that answers with a number.
template <class Rule>
class macro_walk {
 public:
  constexpr macro_walk(std::span<const std::byte> bytes, abi layout) noexcept
      : bytes_{bytes}, word_{layout == abi::lp64 ? 8u : 4u} {}

  [[nodiscard]] constexpr walk_step next() noexcept {
    std::optional<std::uint64_t> step;
    if (begun_) {
      step = Rule::step(bytes_.subspan(static_cast<std::size_t>(at_)), word_);
    } else if (bytes_.size() >= word_ + 8) {
      step = 0;
    }
    if (!step) return {walk_step::kind::end, 0};
    at_ += *step;
    const bool stands_still = begun_ && *step == 0;
    begun_ = true;
    return {stands_still ? walk_step::kind::stuck : walk_step::kind::header, static_cast<std::size_t>(at_)};
  }

 private:
  std::span<const std::byte> bytes_;
  std::uint64_t at_ = 0;
  std::uint64_t word_;  // the size of size_t
  bool begun_ = false;
};

struct glibc_rule {
  [[nodiscard]] static constexpr std::optional<std::uint64_t> step(std::span<const std::byte> left,
                                                                   std::uint64_t word) noexcept {
    const std::uint64_t length = load_length(left, 0, word);
    const std::uint64_t padding = (word - (length & (word - 1))) & (word - 1);
    const std::uint64_t needed = word + 8 + padding;
    if (length < word + 8 || left.size() < needed || left.size() - needed < length) return std::nullopt;
    return length + padding;
  }
};

struct musl_rule {
  [[nodiscard]] static constexpr std::optional<std::uint64_t> step(std::span<const std::byte> left,
                                                                   std::uint64_t word) noexcept {
    const std::uint64_t mask = word == 8 ? ~std::uint64_t{0} : 0xffffffff;
    const std::uint64_t length = load_length(left, 0, 4);
    const std::uint64_t rounded = (length + word - 1) & ~(word - 1) & mask;
    if (length < word + 8 || ((rounded + word + 8) & mask) >= left.size()) return std::nullopt;
    return rounded;
  }
};
}  // namespace detail

/// glibc 2.36 and later: CMSG_FIRSTHDR and __cmsg_nxthdr (bits/socket.h). A header is handed out once it is wholly
/// inside; its length is looked at when the next one is asked for.
using glibc_walk = detail::macro_walk<detail::glibc_rule>;

/// musl 1.2: CMSG_FIRSTHDR and CMSG_NXTHDR (sys/socket.h). cmsg_len is 32 bits wide in both layouts; a next header
/// with nothing behind it is not handed out; in 32 bits the rounding wraps.
using musl_walk = detail::macro_walk<detail::musl_rule>;

}  // namespace scm::inline v0_1::fuzz
