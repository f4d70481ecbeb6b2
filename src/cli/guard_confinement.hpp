/// What `scm guard` gives up before it answers the first call of a program that may be an enemy's.
#pragma once

#include <scm/core/result.hpp>

namespace scm::cli {

/// Being dumped or looked into by others of its user, and every system call that supervising does not take: executing,
/// sockets of its own, changing files, tracing. Landlock is left out: under it no process can be looked into that is
/// not under it as well (landlock(7), ptrace restrictions), which is what a supervisor does all day; so are the
/// capabilities, without which it could not reach a program that has some.
[[nodiscard]] result<void> confine_guard() noexcept;

}  // namespace scm::cli
