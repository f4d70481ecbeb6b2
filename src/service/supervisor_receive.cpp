#include "service/supervisor_receive.hpp"

#include "core/os_error.hpp"
#include "core/uapi.hpp"

#include <scm/core/control_items.hpp>

#include <algorithm>
#include <array>
#include <cstring>

namespace scm::inline v0_1::detail {
namespace {

constexpr std::uint32_t looks_only = MSG_PEEK | MSG_ERRQUEUE;

// The descriptors in control data that the kernel made: owned from here on.
void own(supervised_desk& desk, std::span<const std::byte> control) noexcept {
  control_view walk{control};
  while (const auto message = walk.next()) {
    const control_kind kind = kind_of(*message);
    if (kind == control_kind::rights) {
      const auto rights = as_rights(*message);
      for (std::size_t i = 0; i != rights.size(); ++i) (void)desk.rights.adopt(rights[i]);
    } else if (kind == control_kind::pidfd) {
      if (const auto pidfd = as_pidfd(*message)) (void)desk.pidfds.adopt(*pidfd);
    }
  }
}

bool has(std::span<const std::byte> control, control_kind kind) noexcept {
  control_view walk{control};
  while (const auto message = walk.next()) {
    if (kind_of(*message) == kind) return true;
  }
  return false;
}

std::span<const std::byte> credentials_in(std::span<const std::byte> control) noexcept {
  control_view walk{control};
  while (const auto message = walk.next()) {
    if (kind_of(*message) == control_kind::credentials) return message->payload;
  }
  return {};
}

}  // namespace

// Whether the kernel would go on with this stream after what it got, instead of returning it: unix_stream_read_generic.
bool receiving::goes_on(supervised_kernel& kernel, supervised_desk& desk, supervised_socket& socket,
                        std::uint32_t flags, const piece& got) noexcept {
  const std::size_t total = message_.payload_size();
  const std::size_t so_far = done_ + got.returned;
  if (socket.type != SOCK_STREAM || got.returned == 0 || so_far >= total || (flags & (looks_only | MSG_OOB)) != 0) {
    return false;
  }
  if (!desk.rights.empty() || has(got.control, control_kind::rights)) return false;
  if (got.returned == supervised_piece) return true;  // there may be more, for which nobody waits
  std::size_t target = total;
  if ((flags & MSG_WAITALL) == 0) {
    const auto lowest = kernel.option(socket.fd.get(), SO_RCVLOWAT);
    target = lowest && *lowest > 0 ? std::min(static_cast<std::size_t>(*lowest), total) : 1;
  }
  return so_far < target && patience_.may_wait(kernel, socket.fd.get(), flags, SO_RCVTIMEO);
}

// A stream that shows who sends ends a receive where the sender changes (kernel fact C10).
bool receiving::another_sender_follows(supervised_kernel& kernel, supervised_desk& desk,
                                       const supervised_socket& socket) noexcept {
  const auto first = credentials_in({first_control_.data(), first_control_.size()});
  if (first.empty()) return false;
  std::byte byte{};
  iovec buffer{&byte, 1};
  msghdr message{};
  message.msg_iov = &buffer;
  message.msg_iovlen = 1;
  message.msg_control = desk.control.data();
  message.msg_controllen = desk.control.size();
  if (!kernel.receive(socket.fd.get(), message, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) return false;
  const auto control = std::span<const std::byte>{desk.control}.first(message.msg_controllen);
  own(desk, control);
  const auto next = credentials_in(control);
  const bool another = !std::ranges::equal(first, next);
  desk.rights.clear();
  desk.pidfds.clear();
  return another;
}

bool receiving::keep(supervised_desk& desk, const piece& first) noexcept {
  if (done_ != 0) return true;
  if (!first_pidfds_.reserve(supervised_pidfds)) return false;
  try {
    first_control_.assign(first.control.begin(), first.control.end());
    first_name_.assign(first.name.begin(), first.name.end());
  } catch (...) {
    return false;
  }
  std::swap(first_pidfds_, desk.pidfds);  // the room for the next message's, too
  flags_ = first.flags;
  return true;
}

entry_outcome receiving::nothing_there(supervised_kernel& kernel, supervised_desk& desk, supervised_socket& socket,
                                       std::uint32_t flags) noexcept {
  const auto family = (flags & MSG_ERRQUEUE) != 0 ? socket.family_by(kernel) : result<int>{AF_UNIX};
  const bool asks_for_errors = !family || *family != AF_UNIX;  // which nobody waits for
  if (!asks_for_errors && patience_.may_wait(kernel, socket.fd.get(), flags, SO_RCVTIMEO)) {
    const deadline until = patience_.until(kernel);
    if (until == no_deadline || kernel.now() < until) {
      return entry_outcome::waiting(entry_outcome::kind::readable, until);
    }
  }
  return done_ != 0 ? cut_short(kernel, desk) : entry_outcome::failure(EAGAIN);
}

entry_outcome receiving::attempt(supervised_kernel& kernel, supervised_desk& desk, supervised_socket& socket,
                                 std::uint32_t flags) noexcept {
  const bool stream = socket.type == SOCK_STREAM;
  for (int turn = 0;; ++turn) {
    if (turn == supervised_pieces_at_once) return entry_outcome::waiting(entry_outcome::kind::back_off, kernel.now());
    if (done_ != 0 && another_sender_follows(kernel, desk, socket)) return cut_short(kernel, desk);
    const std::size_t left = message_.payload_size() - done_;
    const std::size_t size = stream ? std::min(left, supervised_piece) : left;
    if (const int fault = prove_writable(kernel.memory(), stream, size); fault != 0) {
      return done_ != 0 ? entry_outcome::done(done_) : entry_outcome::failure(fault);
    }
    const auto room = payload_room::take(desk, size);
    control_placer placer{message_.layout(), control_room_};
    if (!room ||
        !placer.reserve(static_cast<std::size_t>(std::min<std::uint64_t>(control_room_, desk.control.size())))) {
      return entry_outcome::failure(ENOMEM);
    }
    // TCP counts bytes that it does not copy: what was there of somebody else's must not be.
    if (stream && (flags & MSG_TRUNC) != 0) std::memset(room->bytes().data(), 0, size);

    // A second buffer at no address makes the kernel do what it does where a program's cannot be written: a stream
    // keeps the whole of what would not fit (kernel fact B13).
    iovec buffers[]{{room->bytes().data(), stream ? writable_ : size}, {nullptr, stream ? size - writable_ : 0}};
    msghdr message{};
    message.msg_name = &desk.name;
    message.msg_namelen = sizeof desk.name;
    message.msg_iov = buffers;
    message.msg_iovlen = buffers[1].iov_len == 0 ? 1 : 2;
    message.msg_control = desk.control.data();
    message.msg_controllen = desk.control.size();
    constexpr std::uint32_t ours = MSG_WAITALL | MSG_WAITFORONE | MSG_CMSG_CLOEXEC;
    const auto got =
        kernel.receive(socket.fd.get(), message, static_cast<int>(flags & ~ours) | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (!got) {
      const int number = number_of_error(got.error());
      if (number == EAGAIN) return nothing_there(kernel, desk, socket, flags);
      return done_ != 0 ? cut_short(kernel, desk) : entry_outcome::failure(number);
    }
    piece one;
    one.returned = *got;
    one.flags =
        (static_cast<std::uint32_t>(message.msg_flags) & ~std::uint32_t{MSG_CMSG_CLOEXEC}) | (flags & MSG_CMSG_CLOEXEC);
    one.payload = room->bytes().first(std::min(*got, size));
    one.control = std::span<const std::byte>{desk.control}.first(message.msg_controllen);
    one.name =
        std::as_bytes(std::span{&desk.name, 1}).first(std::min<std::size_t>(message.msg_namelen, sizeof desk.name));
    own(desk, one.control);

    const auto who = kernel.who();
    const message_verdict verdict = desk.judge ? desk.judged({.use = message_use::receive,
                                                              .thread = who.thread,
                                                              .process = who.process,
                                                              .process_fd = who.process_fd,
                                                              .socket = socket.fd.get(),
                                                              .flags = one.flags,
                                                              .name = one.name,
                                                              .payload = one.payload,
                                                              .descriptors = desk.rights.view(),
                                                              .fitting = fitting(kernel, desk, one),
                                                              .control = one.control})
                                               : message_verdict{};
    using enum message_verdict::action;
    if (verdict.what == deny || verdict.what == kill) {
      desk.rights.clear();
      desk.pidfds.clear();
      if (verdict.what == kill) kernel.kill();
      return done_ != 0 ? cut_short(kernel, desk) : entry_outcome::failure(verdict.error);
    }
    if (goes_on(kernel, desk, socket, flags, one) && keep(desk, one)) {
      desk.pidfds.clear();
      if (const int fault = write_payload(kernel, one.payload); fault != 0) return entry_outcome::failure(fault);
      done_ += one.returned;
      continue;
    }
    const auto outcome = hand_over(kernel, desk, flags, verdict, placer, one);
    desk.rights.clear();
    desk.pidfds.clear();
    if (outcome.what == entry_outcome::kind::finished) ++desk.statistics.receives;
    return outcome;
  }
}

entry_outcome receiving::cut_short(supervised_kernel& kernel, supervised_desk& desk) noexcept {
  control_placer placer{message_.layout(), control_room_};
  if (!placer.reserve(first_control_.size())) return entry_outcome::done(done_);
  const auto outcome = hand_over(kernel, desk, 0, {}, placer, {.flags = flags_});
  if (outcome.what == entry_outcome::kind::finished) ++desk.statistics.receives;
  return outcome;
}

}  // namespace scm::inline v0_1::detail
