/// One message out.
#include "channel/send.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"

#include <scm/channel/channel.hpp>
#include <scm/channel/stream.hpp>
#include <scm/core/control_buffer.hpp>

#include <algorithm>

namespace scm::inline v0_1 {
namespace {

std::unexpected<send_error> failed(std::error_code code) noexcept { return std::unexpected{send_error{code}}; }

}  // namespace

std::optional<std::error_code> detail::refusal_of(socket_type type, std::size_t bytes,
                                                  std::size_t descriptors) noexcept {
  if (descriptors > limits::descriptors_per_message) return errc::over_limit;
  if (bytes != 0) [[likely]]
    return {};
  const bool bytes_needed =
      (type == socket_type::stream && descriptors != 0) || (type == socket_type::seqpacket && descriptors == 0);
  if (bytes_needed) return errc::empty_message;
  return {};
}

std::error_code detail::after_failed_send(waiter& wait, borrowed_fd fd, int number) noexcept {
  if (number == EINTR) return wait.interrupted();
  if (number == EAGAIN) return wait.ready(fd, POLLOUT);
  if (number == ETOOMANYREFS && !wait.forever() && !wait.never()) return wait.back_off();
  return os_error(number);
}

result<std::size_t, send_error> detail::send_message(borrowed_fd fd, socket_type type, const address* to,
                                                     const const_buffers& data,
                                                     std::span<const borrowed_fd> descriptors,
                                                     const send_options& options) noexcept {
  if (const auto refused = refusal_of(type, data.size(), descriptors.size())) return failed(*refused);

  control_buffer control;
  if (options.as) (void)control.append_credentials(*options.as);  // first, and so within the room inside
  if (!descriptors.empty()) {
    if (const auto added = control.append_rights(descriptors); !added) return failed(added.error());
  }
  return send_with(control, fd, to, data, options.until);
}

result<std::size_t, send_error> detail::send_with(const control_buffer& control, borrowed_fd fd, const address* to,
                                                  const const_buffers& data, deadline until) noexcept {
  // The kernel reads what these point to and writes none of it: the casts take away a const that C has no word for.
  const auto buffers = data.span();
  msghdr header{};
  header.msg_iov = reinterpret_cast<iovec*>(const_cast<const_buffer*>(buffers.data()));
  header.msg_iovlen = buffers.size();
  if (to != nullptr) {
    header.msg_name = const_cast<sockaddr_un*>(&to->native());
    header.msg_namelen = to->native_size();
  }
  if (!control.empty()) {
    header.msg_control = const_cast<std::byte*>(control.bytes().data());
    header.msg_controllen = control.bytes().size();
  }

  waiter wait{until};
  const int flags = MSG_NOSIGNAL | (wait.forever() ? 0 : MSG_DONTWAIT);
  for (;;) {
    const ssize_t sent = sys::sendmsg(fd.native_handle(), header, flags);
    if (sent >= 0) [[likely]]
      return static_cast<std::size_t>(sent);

    if (const auto give_up = after_failed_send(wait, fd, errno)) return failed(give_up);
  }
}

[[gnu::flatten]] result<std::size_t, send_error> channel::send(const_buffers data, borrowed_fds descriptors,
                                                               const send_options& options) noexcept {
  return detail::send_message(fd(), type_, nullptr, data, descriptors.span(), options);
}

result<std::size_t, send_error> channel::send_owned(const_buffers data, owned_fd& descriptor,
                                                    const send_options& options) noexcept {
  const auto sent = send(data, descriptor.get(), options);
  if (sent) descriptor.reset();
  return sent;
}

result<std::size_t, send_error> channel::send_owned(const_buffers data, descriptor_list& descriptors,
                                                    const send_options& options) noexcept {
  const auto sent = send(data, descriptors, options);
  if (sent) descriptors.clear();
  return sent;
}

result<void, send_error> stream::send_all(const_buffers data, borrowed_fds descriptors,
                                          const send_options& options) noexcept {
  auto left = data.span();
  std::span<const borrowed_fd> unsent = descriptors.span();
  send_error progress{};
  std::size_t within = 0;  // bytes of left.front() that are sent

  const auto attempt = [&](std::span<const const_buffer> some) noexcept {
    const auto sent = detail::send_message(fd(), type(), nullptr, const_buffers{some}, unsent, options);
    if (sent) {
      progress.bytes_sent += *sent;
      progress.descriptors_sent = descriptors.size();  // they left with the first byte: never twice
      unsent = {};
      within += *sent;
    }
    return sent;
  };

  if (data.size() == 0 && !unsent.empty()) return std::unexpected{send_error{errc::empty_message}};
  for (;;) {
    while (!left.empty() && within >= left.front().size()) {
      within -= left.front().size();
      left = left.subspan(1);
    }
    if (left.empty()) return {};

    result<std::size_t, send_error> sent = 0;
    if (within == 0) {
      sent = attempt(left.first(std::min(left.size(), limits::buffers_per_message)));
    } else {
      const const_buffer rest{static_cast<const std::byte*>(left.front().data()) + within,
                              left.front().size() - within};
      sent = attempt({&rest, 1});
    }
    if (!sent) {
      progress.code = sent.error().code;
      return std::unexpected{progress};
    }
  }
}

}  // namespace scm::inline v0_1
