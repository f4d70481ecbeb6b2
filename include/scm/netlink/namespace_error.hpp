/// Why there is no socket in another network namespace, and whether the thread has come back from there.
#pragma once

#include <scm/core/result.hpp>

namespace scm::inline v0_1 {

/// `code` is `errc::wrong_namespace` when the thread could not come back, which `stranded` then explains: it is in the
/// other network namespace for good, and so is every socket that it opens. End that thread, or the process.
struct [[nodiscard]] namespace_error {
  std::error_code code;
  std::error_code stranded{};

  operator std::error_code() const noexcept { return code; }
  friend bool operator==(const namespace_error& one, std::error_code other) noexcept { return one.code == other; }
  friend bool operator==(const namespace_error& one, std::error_condition other) noexcept { return one.code == other; }
};

}  // namespace scm::inline v0_1
