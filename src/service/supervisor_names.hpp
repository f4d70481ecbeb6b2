/// Names and numbers as a program sees them: paths of sockets, free places in its descriptor table.
#pragma once

#include "service/supervisor_kernel.hpp"
#include "service/supervisor_rights.hpp"

#include <cstddef>
#include <span>

namespace scm::inline v0_1::detail {

/// The path in `name` (sockaddr_un), looked up from the thread's root or working directory and with its rights, as a
/// name that leads to the same file from here. Errors: those of openat2(2).
[[nodiscard]] result<found_name> find_name(pid_t thread, const own_rights& own, const thread_status& status,
                                           std::span<const std::byte> name) noexcept;

/// A random number at which the thread's table has nothing, below its RLIMIT_NOFILE. Another thread of the program may
/// open one there in the same moment: it is at random so that this takes luck. Errors: EMFILE.
[[nodiscard]] result<int> free_number(pid_t thread) noexcept;

}  // namespace scm::inline v0_1::detail
