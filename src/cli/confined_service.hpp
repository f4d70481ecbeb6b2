/// What a service of this program gives up before it reads the first byte of a stranger.
#pragma once

#include <scm/core/result.hpp>

#include <string>

namespace scm::cli {

/// Capabilities, groups where it may, files but for removing the socket's (`removable`, a path; empty for none), and
/// system calls where scm was built with libseccomp. Descriptors that are open, and those that are sent, go on working.
[[nodiscard]] result<void> confine_service(const std::string& removable) noexcept;

}  // namespace scm::cli
