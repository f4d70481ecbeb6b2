/// A socket that listens at an address which the command line names, for others to accept from.
#pragma once

#include "cli/failure.hpp"

#include <scm/core/fd.hpp>

#include <string>

namespace scm::cli {

/// How it is spelled, for the help.
inline constexpr auto listening_help =
    "A listening ADDRESS is PORT, on all IPv4 addresses; HOST:PORT or [HOST]:PORT; or a Unix stream socket, /PATH, "
    "./PATH\n"
    "or @NAME. A file that it makes stays when the socket is gone.";

/// Close-on-exec, and with O_NONBLOCK not set, which whoever accepts from it shares.
[[nodiscard]] outcome<owned_fd> listening_socket(const std::string& spelled);

}  // namespace scm::cli
