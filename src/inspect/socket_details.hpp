/// What a socket says about itself. Exported, for our own libraries that are linked to a shared one; no header of this
/// is installed.
#pragma once

#include <scm/core/fd.hpp>
#include <scm/inspect/description.hpp>

#include <sys/socket.h>

#include <optional>

namespace scm::inline v0_1::detail {

/// An int of SOL_SOCKET (socket(7)). Errors: getsockopt(2)'s.
[[nodiscard]] SCM_API result<int> socket_option(borrowed_fd fd, int name) noexcept;

/// A name that the kernel wrote, or a program wrote for it; no value for a family whose names cannot be read, or a Unix
/// one that breaks the rules.
[[nodiscard]] SCM_API socket_name decode_socket_name(const sockaddr_storage& name, socklen_t size) noexcept;

/// The details of a socket; no value when it refuses to give its family (a security module may forbid it).
[[nodiscard]] SCM_API std::optional<socket_description> describe_socket(borrowed_fd fd) noexcept;

}  // namespace scm::inline v0_1::detail
