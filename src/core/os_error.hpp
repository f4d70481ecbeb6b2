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

}  // namespace scm::inline v0_1::detail
