/// Socket options: what the kernel attaches to messages, and what it lets through.
#include "channel/socket.hpp"
#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "core/uapi.hpp"

#include <algorithm>

namespace scm::inline v0_1 {
namespace detail {
namespace {

int option_of(receive_item item) noexcept {
  switch (item) {
    case receive_item::credentials:
      return SO_PASSCRED;
    case receive_item::pidfd:
      return uapi::so_passpidfd;
    case receive_item::label:
      return uapi::so_passsec;
    case receive_item::timestamp:
      return uapi::so_timestampns;
    case receive_item::queued_bytes:
      break;
  }
  return uapi::so_inq;
}

void note(control_room& room, receive_item item, bool on) noexcept {
  switch (item) {
    case receive_item::credentials:
      room.credentials = on;
      break;
    case receive_item::pidfd:
      room.pidfd = on;
      break;
    case receive_item::label:
      room.label = on ? limits::label_bytes : 0;
      break;
    case receive_item::timestamp:
      room.timestamp = on;
      break;
    case receive_item::queued_bytes:
      room.queued_bytes = on;
      break;
  }
}

/// What this kernel lacks is off. Any other error is none to guess at: room that is missing costs messages.
result<bool> is_on(borrowed_fd socket, int option) noexcept {
  const auto value = get_option(socket, option);
  if (value) return *value != 0;
  if (value.error() == errc::unsupported) return false;
  return std::unexpected{value.error()};
}

/// Without a labelling security module the kernel accepts SO_PASSSEC and never tells; SO_PEERSEC betrays it.
bool labels_exist(borrowed_fd socket) noexcept {
  char label[1];
  socklen_t size = sizeof label;
  return sys::getsockopt(socket.native_handle(), SOL_SOCKET, uapi::so_peersec, label, &size) == 0 ||
         errno != ENOPROTOOPT;
}

}  // namespace

std::error_code option_error(int number) noexcept {
  return number == ENOPROTOOPT || number == EOPNOTSUPP ? make_error_code(errc::unsupported) : os_error(number);
}

result<void> set_option(borrowed_fd socket, int option, int value) noexcept {
  if (sys::setsockopt(socket.native_handle(), SOL_SOCKET, option, &value, sizeof value) == 0) return {};
  return std::unexpected{option_error(errno)};
}

result<int> get_option(borrowed_fd socket, int option) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  if (sys::getsockopt(socket.native_handle(), SOL_SOCKET, option, &value, &size) == 0) return value;
  return std::unexpected{option_error(errno)};
}

result<void> set_item(borrowed_fd socket, socket_type type, receive_item item, bool on) noexcept {
  const bool never_told = (item == receive_item::timestamp && type == socket_type::stream) ||
                          (item == receive_item::queued_bytes && type != socket_type::stream) ||
                          (item == receive_item::label && on && !labels_exist(socket));
  if (never_told) return std::unexpected{make_error_code(errc::unsupported)};
  return set_option(socket, option_of(item), on ? 1 : 0);
}

result<void> set_accept_descriptors(borrowed_fd socket, bool on) noexcept {
  return set_option(socket, uapi::so_passrights, on ? 1 : 0);
}

result<receive_items> enabled_items(borrowed_fd socket) noexcept {
  receive_items items;
  const auto ask = [&](int option, receive_item item) noexcept -> result<void> {
    const auto on = is_on(socket, option);
    if (!on) return std::unexpected{on.error()};
    if (*on) items.insert(item);
    return {};
  };
  for (const receive_item item : all_receive_items) {
    if (const auto asked = ask(option_of(item), item); !asked) return std::unexpected{asked.error()};
  }
  for (const int option : {uapi::scm_timestamp, uapi::scm_timestamp_new, uapi::scm_timestampns_new}) {
    if (const auto asked = ask(option, receive_item::timestamp); !asked) return std::unexpected{asked.error()};
  }
  return items;
}

control_room room_for(receive_items items) noexcept {
  control_room room;
  for (const receive_item item : all_receive_items) note(room, item, items.contains(item));
  return room;
}

result<control_room> enabled_room(borrowed_fd socket, socket_type type) noexcept {
  const auto items = enabled_items(socket);
  if (!items) return std::unexpected{items.error()};
  control_room room = room_for(*items);
  if (type == socket_type::stream) room.queued_bytes = true;  // getsockopt(2) does not tell
  for (const int option : {uapi::so_timestamping, uapi::so_timestamping_new}) {
    const auto on = is_on(socket, option);
    if (!on) return std::unexpected{on.error()};
    if (*on) room.other = limits::software_timestamps_bytes;
  }
  return room;
}

}  // namespace detail

result<void> channel::set(receive_item item, bool on) noexcept {
  auto done = detail::set_item(fd(), type_, item, on);
  if (done) detail::note(enabled_, item, on);
  return done;
}

result<void> channel::accept_descriptors(bool on) noexcept { return detail::set_accept_descriptors(fd(), on); }

result<void> channel::set_send_buffer(std::size_t bytes) noexcept {
  return detail::set_option(fd(), SO_SNDBUF, static_cast<int>(std::min<std::size_t>(bytes, INT_MAX)));
}

result<void> channel::set_receive_buffer(std::size_t bytes) noexcept {
  return detail::set_option(fd(), SO_RCVBUF, static_cast<int>(std::min<std::size_t>(bytes, INT_MAX)));
}

result<void> channel::shutdown_send() noexcept {
  if (sys::shutdown(fd_.native_handle(), SHUT_WR) != 0) return detail::os_failure();
  return {};
}

}  // namespace scm::inline v0_1
