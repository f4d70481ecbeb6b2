/// Where giving something up stopped.
#pragma once

#include <scm/core/result.hpp>

#include <cstddef>
#include <string_view>

namespace scm::inline v0_1 {

/// The steps of `confine`, in their order. The first three change nothing: what can be the caller's mistake is found
/// before anything is given up.
enum class confine_step : unsigned char {
  threads,            ///< Another thread is there: EBUSY. unshare(2) with CLONE_THREAD, or stat(2) of /proc/self/task.
  ruleset,            ///< landlock_create_ruleset(2)
  rule,               ///< landlock_add_rule(2), or no descriptor; `position` is which of the rules.
  no_new_privileges,  ///< prctl(2)
  bounding_set,       ///< prctl(2); `position` is the number of the capability.
  groups,             ///< setgroups(2)
  group,              ///< setresgid(2)
  user,               ///< setresuid(2)
  capabilities,       ///< capset(2), and looking at what it did.
  dumps,              ///< prctl(2)
  access,             ///< landlock_restrict_self(2)
};

/// What failed, in words.
[[nodiscard]] SCM_API std::string_view text_of(confine_step step) noexcept;

/// Which step failed and why. What was given up before stays given up: end the process, or go on with less.
struct confine_error {
  std::error_code code;
  confine_step step;
  std::size_t position = 0;  ///< Counted from 0, where a step is about one of several.

  operator std::error_code() const noexcept { return code; }
};

}  // namespace scm::inline v0_1
