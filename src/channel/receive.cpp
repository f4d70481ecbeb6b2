/// One message in.
#include "channel/receive.hpp"

#include "channel/headroom.hpp"
#include "core/renew.hpp"
#include "core/sys.hpp"

#include <climits>
#include <memory>

namespace scm::inline v0_1 {

message::message(message&& other) noexcept
    : size{std::exchange(other.size, 0)},
      descriptors{std::move(other.descriptors)},
      sender{std::exchange(other.sender, std::nullopt)},
      sender_pidfd{std::move(other.sender_pidfd)},
      sender_pidfd_refusal{std::exchange(other.sender_pidfd_refusal, std::nullopt)},
      queued_at{std::exchange(other.queued_at, std::nullopt)},
      queued_bytes{std::exchange(other.queued_bytes, std::nullopt)},
      from{std::exchange(other.from, std::nullopt)},
      surplus{std::exchange(other.surplus, 0)},
      descriptors_lost{std::exchange(other.descriptors_lost, false)},
      payload_cut{std::exchange(other.payload_cut, false)},
      control_{std::move(other.control_)} {
  detail::renew(other.control_);
}

message& message::operator=(message&& other) noexcept {
  if (this != &other) {
    std::destroy_at(this);  // assigning to a container without room of its own could need memory; making one does not
    std::construct_at(this, std::move(other));
  }
  return *this;
}

void message::clear() noexcept {
  size = 0;
  descriptors.clear();
  sender.reset();
  sender_pidfd.reset();
  sender_pidfd_refusal.reset();
  queued_at.reset();
  queued_bytes.reset();
  from.reset();
  surplus = 0;
  descriptors_lost = false;
  payload_cut = false;
  control_.clear();
}

std::string_view message::label() const& noexcept {
  control_view walk = control();
  while (const auto item = walk.next()) {
    if (kind_of(*item) == control_kind::label) return as_label(*item);
  }
  return {};
}

namespace detail {

bool is_shut_down(borrowed_fd socket) noexcept {
  pollfd one{socket.native_handle(), POLLRDHUP, 0};
  const timespec now{};
  return sys::poll(&one, 1, &now) > 0 && (one.revents & POLLRDHUP) != 0;
}

std::size_t within_reserve(const source& from, std::size_t reserve, std::size_t wanted) noexcept {
  if (reserve > INT_MAX) return 0;
  // The first may eat into the reserve, if its sender means harm, but never into the room of another message.
  const std::size_t first = from.slots() + reserve;
  const std::size_t each = from.most_slots();
  const std::size_t free = headroom(first, each * wanted + reserve);
  return free < first ? 0 : std::max<std::size_t>((free - reserve) / each, 1);
}

// Peeking without control room installs nothing (kernel fact B12).
bool end_is_next(const source& from) noexcept {
  const auto at_its_end = [&]() noexcept {
    char byte;
    iovec data{&byte, 1};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    return sys::recvmsg(from.fd.native_handle(), header, MSG_PEEK | MSG_DONTWAIT) == 0 &&
           (from.type == socket_type::stream || (header.msg_flags & MSG_CTRUNC) == 0);
  };
  if (from.type == socket_type::datagram) return false;
  return at_its_end() && (from.type == socket_type::stream || at_its_end());
}

result<void, receive_error> receiver::run(channel& at, message& into, const mutable_buffers& room, std::size_t max,
                                          const receive_options& options, bool partial, bool again) noexcept {
  const source from = source_of(at, max);
  tally seen;
  receiver one{from, into, seen};
  bool ended = false;
  const auto receive = [&]() noexcept -> failure {
    if (at.receive_side_dead_) [[unlikely]]
      return errc::receive_side_dead;
    if (from.type == socket_type::stream && room.size() == 0) return std::make_error_code(std::errc::invalid_argument);
    if (const auto refusal = one.prepare()) [[unlikely]]
      return refusal;

    msghdr header;
    sockaddr_un name;
    const auto size = receive_within(from, options, 1, 0, [&](int flags, std::size_t) noexcept {
      one.point(header, room.span(), name);
      return sys::recvmsg(from.fd.native_handle(), header, flags);
    });
    if (!size) [[unlikely]]
      return size.error();
    one.own(header);
    one.into.size = *size;
    if ((ended = one.end_of_file(*size, header.msg_flags))) [[unlikely]]
      return errc::end_of_file;
    const auto loss = one.judge(header, name, partial);
    if (loss) [[unlikely]]
      at.receive_side_dead_ = from.type == socket_type::stream;
    return loss;
  };
  if (const auto failed = receive()) [[unlikely]] {
    into.clear();
    if (ended && from.type == socket_type::seqpacket && !again) {
      return run_again(at, into, room, max, options, partial);
    }
    return std::unexpected{receive_error{*failed, seen.installed, from.max}};
  }
  return {};
}

// A seqpacket socket looks at its queue and then, without a lock around both, at whether the peer is gone: what a peer
// sends and closes in between is still queued. This does not wait, since what looked like the end may be an empty
// message.
[[gnu::noinline, gnu::cold]] result<void, receive_error> receiver::run_again(channel& at, message& into,
                                                                             const mutable_buffers& room,
                                                                             std::size_t max, receive_options options,
                                                                             bool partial) noexcept {
  options.until = dont_wait;
  auto got = run(at, into, room, max, options, partial, true);
  if (!got && would_block(got.error().code)) got.error().code = errc::end_of_file;
  return got;
}

}  // namespace detail

// Flattened: the layers above make the code readable, and cost too much as calls, which are slow after a system call
// (the kernel empties the predictors of branches and returns on its way out).
[[gnu::flatten]] result<message, receive_error> channel::receive(mutable_buffers room, std::size_t max,
                                                                 const receive_options& options) noexcept {
  result<message, receive_error> out{std::in_place};
  if (const auto got = detail::receiver::run(*this, *out, room, max, options, false); !got) {
    out = std::unexpected{got.error()};
  }
  return out;
}

[[gnu::flatten]] result<void, receive_error> channel::receive(message& into, mutable_buffers room, std::size_t max,
                                                              const receive_options& options) noexcept {
  into.clear();
  return detail::receiver::run(*this, into, room, max, options, false);
}

[[gnu::flatten]] result<message, receive_error> channel::receive_partial(mutable_buffers room, std::size_t max,
                                                                         const receive_options& options) noexcept {
  result<message, receive_error> out{std::in_place};
  if (const auto got = detail::receiver::run(*this, *out, room, max, options, true); !got) {
    out = std::unexpected{got.error()};
  }
  return out;
}

}  // namespace scm::inline v0_1
