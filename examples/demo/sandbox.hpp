/// Where the child works: without files, without a network, without privileges.
#pragma once

#include "answer.hpp"

#include <scm/core/fd.hpp>

#include <sys/types.h>

namespace demo {

/// Closes everything but `channel` and gives up what this kernel lets this user give up; tells what that was. Dies with
/// `parent`.
[[nodiscard]] confinement enter_sandbox(scm::borrowed_fd channel, pid_t parent) noexcept;

/// The error of opening `path`, 0 if there was none.
[[nodiscard]] int try_to_open(const char* path) noexcept;
/// The error of connecting to this machine, which is always there unless the network is another; 0 if there was none.
/// Nothing is sent.
[[nodiscard]] int try_to_connect() noexcept;

}  // namespace demo
