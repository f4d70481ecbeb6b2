/// Making and checking Unix sockets: what the three channels and the listeners share.
#pragma once

#include <scm/channel/channel.hpp>

#include <utility>

namespace scm::inline v0_1::detail {

/// A new socket, close-on-exec, with its options set; `flags` may add SOCK_NONBLOCK.
[[nodiscard]] result<owned_fd> open_socket(socket_type type, const channel_options& options, int flags = 0) noexcept;
[[nodiscard]] result<std::pair<owned_fd, owned_fd>> open_pair(socket_type type) noexcept;

/// A new socket connected to `to`. A deadline bounds the wait for room in the listener's backlog.
[[nodiscard]] result<owned_fd> open_connected(socket_type type, const address& to, deadline until,
                                              const channel_options& options) noexcept;

/// `wrong_descriptor` unless this is a Unix socket of the type that does, or does not, listen. Makes it close-on-exec,
/// and a stream's urgent bytes come in line.
[[nodiscard]] result<void> check_socket(borrowed_fd socket, socket_type type, bool listening) noexcept;

/// The items that are enabled on a socket, but for queued bytes, which the kernel does not tell.
[[nodiscard]] result<receive_items> enabled_items(borrowed_fd socket) noexcept;
/// The room that items need in each receive.
[[nodiscard]] control_room room_for(receive_items items) noexcept;
/// The same for a socket of unknown past: for all that its last user may have enabled.
[[nodiscard]] result<control_room> enabled_room(borrowed_fd socket, socket_type type) noexcept;

[[nodiscard]] result<void> set_item(borrowed_fd socket, socket_type type, receive_item item, bool on) noexcept;
[[nodiscard]] result<void> set_accept_descriptors(borrowed_fd socket, bool on) noexcept;
[[nodiscard]] result<address> name_of(borrowed_fd socket) noexcept;

/// setsockopt(2) at SOL_SOCKET; an option that this kernel or socket lacks is `unsupported`.
[[nodiscard]] result<void> set_option(borrowed_fd socket, int option, int value) noexcept;
/// getsockopt(2) at SOL_SOCKET of an int.
[[nodiscard]] result<int> get_option(borrowed_fd socket, int option) noexcept;
/// `unsupported` for the ways in which the kernel says that it does not know an option.
[[nodiscard]] std::error_code option_error(int number) noexcept;

}  // namespace scm::inline v0_1::detail
