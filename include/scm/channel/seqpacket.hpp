/// Seqpacket channels: connected, ordered, and one send is one message. The one to choose.
#pragma once

#include <scm/channel/channel.hpp>

#include <utility>

namespace scm::inline v0_1 {

class SCM_API seqpacket : public channel {
 public:
  /// Two connected ends (socketpair(2)).
  [[nodiscard]] static result<std::pair<seqpacket, seqpacket>> pair() noexcept;

  /// Connects to a listener, waiting until then for room in its backlog. Errors: connect(2)'s; `timed_out`.
  [[nodiscard]] static result<seqpacket> connect(const address& to, deadline until = no_deadline,
                                                 const channel_options& options = {}) noexcept;

  /// Takes over an inherited or received socket after checking that it is a seqpacket Unix socket that does not
  /// listen; makes it close-on-exec and finds out which items its last user enabled. On error the caller still owns
  /// it. Errors: `wrong_descriptor`, EBADF.
  [[nodiscard]] static result<seqpacket> adopt(owned_fd&& socket) noexcept;

 private:
  using channel::channel;
};

}  // namespace scm::inline v0_1
