/// Sending on a socket: what channels, addresses and batches share.
#pragma once

#include "channel/wait.hpp"

#include <scm/channel/channel.hpp>
#include <scm/core/control_buffer.hpp>

#include <optional>
#include <span>

namespace scm::inline v0_1::detail {

/// Why a message is not sent that the kernel would drop, or change into another, in silence.
[[nodiscard]] std::optional<std::error_code> refusal_of(socket_type type, std::size_t bytes,
                                                        std::size_t descriptors) noexcept;

/// After an attempt that failed with `number` and took nothing: an empty code when another is due, else why not.
[[nodiscard]] std::error_code after_failed_send(waiter& wait, borrowed_fd fd, int number) noexcept;

/// One sendmsg(2) of everything, retried as `options` say. `to` may be null. Contract: `channel::send`.
result<std::size_t, send_error> send_message(borrowed_fd fd, socket_type type, const address* to,
                                             const const_buffers& data, std::span<const borrowed_fd> descriptors,
                                             const send_options& options) noexcept;
/// The same with control data that is built already, for what was not refused.
result<std::size_t, send_error> send_with(const control_buffer& control, borrowed_fd fd, const address* to,
                                          const const_buffers& data, deadline until) noexcept;

}  // namespace scm::inline v0_1::detail
