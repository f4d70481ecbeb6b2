/// Landlock: giving up the file system for good, as any user (landlock(7)).
#pragma once

#include <scm/core/result.hpp>

namespace demo {

/// From now on this process opens, creates, renames and removes nothing; what is open stays usable. The version of
/// Landlock that the kernel speaks; an error where it has none (ENOSYS, EOPNOTSUPP) or forbids it.
[[nodiscard]] scm::result<int> give_up_files() noexcept;

}  // namespace demo
