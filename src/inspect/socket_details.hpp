/// What a socket says about itself.
#pragma once

#include <scm/core/fd.hpp>
#include <scm/inspect/description.hpp>

#include <optional>

namespace scm::inline v0_1::detail {

/// An int of SOL_SOCKET (socket(7)). Errors: getsockopt(2)'s.
[[nodiscard]] result<int> socket_option(borrowed_fd fd, int name) noexcept;

/// The details of a socket; no value when it refuses to give its family (a security module may forbid it).
[[nodiscard]] std::optional<socket_description> describe_socket(borrowed_fd fd) noexcept;

}  // namespace scm::inline v0_1::detail
