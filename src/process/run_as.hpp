/// Whether a `run_as` says all that it must.
#pragma once

#include <scm/process/run_as.hpp>

#include <algorithm>

namespace scm::inline v0_1::detail {

[[nodiscard]] inline bool says_everything(const run_as& as) noexcept {
  const auto unsaid = [](gid_t one) { return one == run_as::nobody_said; };
  return as.user != run_as::nobody_said && !unsaid(as.group) && std::ranges::none_of(as.groups, unsaid);
}

}  // namespace scm::inline v0_1::detail
