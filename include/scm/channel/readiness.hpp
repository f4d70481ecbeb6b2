/// A descriptor for an event loop to watch in a channel's place.
#pragma once

#include <scm/core/fd.hpp>
#include <scm/core/result.hpp>

namespace scm::inline v0_1 {

/// What is watched for.
enum class readiness : unsigned char {
  receivable,  ///< A message, a connection, or the end of file.
  sendable,    ///< Room in the peer's queue. An unconnected datagram socket always seems to have it.
};

/// An epoll descriptor that is readable while the socket is ready. Event loops set O_NONBLOCK on what they watch, which
/// belongs to everybody who shares the socket's open file description; this one is nobody else's. Level-triggered, and
/// only a hint: try, and wait again at EAGAIN. Close it before the socket, or with it: while another process holds the
/// same socket, it goes on telling of it. Errors: those of epoll_create1(2) and epoll_ctl(2); EPERM for a file.
[[nodiscard]] SCM_API result<owned_fd> watch(borrowed_fd socket, readiness what) noexcept;

}  // namespace scm::inline v0_1
