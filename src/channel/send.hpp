/// Sending a message on a socket: what all channels and addresses share.
#pragma once

#include <scm/channel/channel.hpp>

#include <span>

namespace scm::inline v0_1::detail {

/// One sendmsg(2) of everything, retried as `options` say. `to` may be null. Contract: `channel::send`.
result<std::size_t, send_error> send_message(borrowed_fd fd, socket_type type, const address* to,
                                             const const_buffers& data, std::span<const borrowed_fd> descriptors,
                                             const send_options& options) noexcept;

}  // namespace scm::inline v0_1::detail
