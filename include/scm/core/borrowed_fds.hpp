/// The descriptors of one send as one argument.
#pragma once

#include <scm/core/fd.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <span>

namespace scm::inline v0_1 {

/// Descriptors lent for the length of a call: none, one, a braced list of them (`{file, event}`), or whatever converts
/// to a span of `borrowed_fd`. Meant as a parameter; borrows what it was made from.
class borrowed_fds {
 public:
  constexpr borrowed_fds() noexcept = default;
  constexpr borrowed_fds(const borrowed_fd& one) noexcept : fds_{&one, 1} {}
  constexpr borrowed_fds(std::initializer_list<borrowed_fd> fds) noexcept : fds_{fds.begin(), fds.size()} {}
  template <class Range>
    requires std::convertible_to<const Range&, std::span<const borrowed_fd>>
  constexpr borrowed_fds(const Range& fds) noexcept : fds_{fds} {}

  [[nodiscard]] constexpr std::span<const borrowed_fd> span() const noexcept { return fds_; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return fds_.size(); }
  [[nodiscard]] constexpr bool empty() const noexcept { return fds_.empty(); }

 private:
  std::span<const borrowed_fd> fds_;
};

}  // namespace scm::inline v0_1
