/// Where errno becomes a std::error_code.
#pragma once

#include <scm/core/result.hpp>

#include <cerrno>

namespace scm::inline v0_1::detail {

/// `number` as an error code: scm's own for the two that the field knows by another name, else the system's.
[[nodiscard]] inline std::error_code os_error(int number = errno) noexcept {
  if (number == ETOOMANYREFS) return errc::too_many_in_flight;
  return {number, std::system_category()};
}
[[nodiscard]] inline std::unexpected<std::error_code> os_failure(int number = errno) noexcept {
  return std::unexpected{os_error(number)};
}
/// Whether `error` is os_error(EAGAIN). Looked at from outside: the undefined-behaviour sanitizer needs a free
/// descriptor to check a call on a category, and this is asked where there may be none.
[[nodiscard]] inline bool would_block(const std::error_code& error) noexcept {
  return error.value() == EAGAIN && &error.category() == &std::system_category();
}

}  // namespace scm::inline v0_1::detail
