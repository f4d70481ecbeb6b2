/// Stream channels: connected bytes without message boundaries.
#pragma once

#include <scm/channel/channel.hpp>

#include <utility>

namespace scm::inline v0_1 {

/// Descriptors on a stream belong to the first byte they were sent with, and the kernel may deliver bytes from before
/// it in the same receive (kernel fact C1): only framing tells which record owns them. Urgent bytes (MSG_OOB) are read
/// in line (SO_OOBINLINE is set on every stream): out of line the kernel would drop their descriptors (C11).
class SCM_API stream : public channel {
 public:
  /// Two connected ends (socketpair(2)).
  [[nodiscard]] static result<std::pair<stream, stream>> pair() noexcept;

  /// Connects to a listener, waiting until then for room in its backlog. Errors: connect(2)'s; `timed_out`.
  [[nodiscard]] static result<stream> connect(const address& to, deadline until = no_deadline,
                                              const channel_options& options = {}) noexcept;

  /// Takes over an inherited or received socket after checking that it is a stream Unix socket that does not listen;
  /// makes it close-on-exec and finds out which items its last user enabled. On error the caller still owns it.
  /// Errors: `wrong_descriptor`, EBADF.
  [[nodiscard]] static result<stream> adopt(owned_fd&& socket) noexcept;

  /// Sends all of the bytes, in as many system calls as it takes, and the descriptors exactly once, with the first.
  /// On error, `bytes_sent` says where to go on, without descriptors if `descriptors_sent` is not 0. Any number of
  /// buffers. Errors as `send`.
  [[nodiscard]] result<void, send_error> send_all(const_buffers data, borrowed_fds descriptors = {},
                                                  const send_options& options = {}) noexcept;

 private:
  using channel::channel;
};

}  // namespace scm::inline v0_1
