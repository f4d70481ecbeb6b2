/// One message in.
#include "channel/headroom.hpp"
#include "channel/wait.hpp"
#include "core/os_error.hpp"
#include "core/renew.hpp"
#include "core/sys.hpp"

#include <scm/channel/channel.hpp>

#include <algorithm>
#include <climits>
#include <cstring>
#include <memory>
#include <utility>

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
namespace {

bool is_shut_down(borrowed_fd socket) noexcept {
  pollfd one{socket.native_handle(), POLLRDHUP, 0};
  const timespec now{};
  return sys::poll(&one, 1, &now) > 0 && (one.revents & POLLRDHUP) != 0;
}

}  // namespace

/// One receive: takes room, asks the kernel, owns what came, and only then judges it.
struct receiver {
  channel& from;
  const mutable_buffers& room;
  std::size_t max;
  const receive_options& options;

  message& into;
  std::size_t installed = 0;
  bool refused = false;

  /// Why there is no message, if there is none. An error_code of value 0 would do, but making one is a call into the
  /// standard library, and these functions are on the path of every message.
  using failure = std::optional<std::error_code>;

  /// Everything that can fail for lack of memory or slots, before anything can be lost.
  failure prepare() noexcept {
    if (from.receive_side_dead_) [[unlikely]]
      return errc::receive_side_dead;
    if (from.type_ == socket_type::stream && room.size() == 0) return std::make_error_code(std::errc::invalid_argument);

    control_room wanted = from.enabled_;
    wanted.rights = std::min(max + 1, limits::descriptors_per_message);  // one more, to see a surplus
    try {
      into.control_.resize(wanted.bytes(), boost::container::default_init);
    } catch (...) {
      return std::make_error_code(std::errc::not_enough_memory);
    }
    // Bytes from before must not pass for control data, should whoever stands in for the kernel write less than it
    // says.
    std::memset(into.control_.data(), 0, into.control_.size());
    if (const auto reserved = into.descriptors.reserve(max); !reserved) return reserved.error();
    return {};
  }

  /// Whether the descriptor table has room for everything that may come, and for the reserve.
  [[nodiscard]] bool reserved() const noexcept {
    const std::size_t expected = std::min(max + 1, limits::descriptors_per_message) + (from.enabled_.pidfd ? 1 : 0);
    return *options.reserve <= INT_MAX && has_headroom(expected + *options.reserve);
  }

  /// Whether what comes next is an end of file, for which no room is needed. Peeking without control room installs
  /// nothing (kernel fact B12).
  [[nodiscard]] bool end_is_next() const noexcept {
    char byte;
    iovec data{&byte, 1};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    if (sys::recvmsg(from.fd_.native_handle(), header, MSG_PEEK | MSG_DONTWAIT) != 0) return false;
    return from.type_ == socket_type::stream ||
           (from.type_ == socket_type::seqpacket && (header.msg_flags & MSG_CTRUNC) == 0);
  }

  /// One recvmsg(2), repeated until it takes something.
  result<std::size_t> receive(msghdr& header, sockaddr_un& name) noexcept {
    const auto buffers = room.span();
    const int fd = from.fd_.native_handle();
    const bool datagrams = from.type_ == socket_type::datagram;
    waiter wait{options.until};
    // Datagrams are never waited for in the kernel: where another holder of the description has shut it down for
    // receiving, a wait would return nothing, again and again, and nothing looks like an empty datagram.
    const int flags = MSG_CMSG_CLOEXEC | (wait.forever() && !options.reserve && !datagrams ? 0 : MSG_DONTWAIT);
    bool shut_down = false;
    for (;;) {
      if (options.reserve) [[unlikely]] {  // looked at when there is a message, not before a wait for one
        if (const auto none = wait.before(borrowed_fd{fd}, POLLIN)) return std::unexpected{none};
        if (!reserved() && !end_is_next()) return std::unexpected{make_error_code(errc::no_headroom)};
      }
      header = {};
      header.msg_iov = reinterpret_cast<iovec*>(const_cast<mutable_buffer*>(buffers.data()));
      header.msg_iovlen = buffers.size();
      header.msg_control = into.control_.data();
      header.msg_controllen = into.control_.size();
      if (datagrams) {
        header.msg_name = &name;
        header.msg_namelen = sizeof name;
      }
      const ssize_t size = sys::recvmsg(fd, header, flags);
      if (size >= 0) [[likely]]
        return static_cast<std::size_t>(size);

      const int number = errno;
      if (number == EAGAIN && datagrams) {
        // Nothing is queued, and nothing can follow; looked at once more, since the last message and the shutdown may
        // have come in between.
        if (shut_down) return std::unexpected{make_error_code(errc::end_of_file)};
        if ((shut_down = is_shut_down(borrowed_fd{fd}))) continue;
      }
      std::error_code give_up = os_error(number);
      if (number == EINTR) give_up = wait.interrupted();
      if (number == EAGAIN) give_up = wait.ready(borrowed_fd{fd}, POLLIN);
      if (give_up) return std::unexpected{give_up};
    }
  }

  void take_slot(int slot) noexcept {
    if (slot >= 0) ++installed;
    if (slot < 0) refused = true;
    if (into.descriptors.size() < max) [[likely]] {
      (void)into.descriptors.adopt(slot);  // within the room that prepare() took
    } else if (slot >= 0) {
      ++into.surplus;
      close_descriptor(slot);
    }
  }

  /// Owns every descriptor that the kernel installed and notes the rest; no judgement, no allocation, no early end.
  std::optional<parse_error> take_control(std::size_t size) noexcept {
    into.control_.resize(size);  // never larger than before
    std::optional<parse_error> fault;
    control_view walk{{into.control_.data(), into.control_.size()}};
    while (const auto item = walk.next()) {
      // By far the most frequent, and so without a call.
      if (item->level == SOL_SOCKET && item->type == SCM_RIGHTS) {
        const rights_view slots = as_rights(*item);
        for (std::size_t i = 0; i != slots.size(); ++i) take_slot(slots[i]);
        continue;
      }
      switch (kind_of(*item)) {
        case control_kind::pidfd:
          if (const auto slot = as_pidfd(*item); !slot) {
            fault = slot.error();
          } else if (*slot < 0) {
            refused = true;
            into.sender_pidfd_refusal = os_error(-*slot);
          } else {
            into.sender_pidfd.reset(*slot);
          }
          break;
        case control_kind::credentials:
          if (const auto sender = as_credentials(*item); sender) {
            into.sender = *sender;
          } else {
            fault = sender.error();
          }
          break;
        case control_kind::timestamp:
          if (const auto time = as_timestamp(*item); time) {
            into.queued_at = *time;
          } else {
            fault = time.error();
          }
          break;
        case control_kind::queued_bytes:
          if (const auto left = as_queued_bytes(*item); left) {
            into.queued_bytes = *left;
          } else {
            fault = left.error();
          }
          break;
        default:  // stays in the control data, for whoever looks for it
          break;
      }
    }
    return walk.error() ? walk.error() : fault;
  }

  /// An end of file has neither bytes nor descriptors. On streams it may carry credentials that read as root (E3); on
  /// seqpacket it carries nothing at all, where a cut or an item tells of a message (D1).
  [[nodiscard]] bool end_of_file(std::size_t size, int flags) const noexcept {
    if (size != 0) return false;
    if (from.type_ == socket_type::stream) return true;
    return from.type_ == socket_type::seqpacket && into.control_.empty() && (flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;
  }

  [[nodiscard]] failure judge(int flags, const std::optional<parse_error>& fault, bool partial) noexcept {
    into.payload_cut = (flags & MSG_TRUNC) != 0;
    into.descriptors_lost = (flags & MSG_CTRUNC) != 0;
    if (!partial) {
      if (into.surplus != 0) return errc::over_limit;
      if (into.descriptors_lost) return errc::descriptors_lost;
      if (refused) return errc::refused;
      if (into.payload_cut) return errc::payload_cut;
    }
    // A cut item is malformed by itself; where the cut is accepted, so is the missing item.
    if (fault && !(partial && into.descriptors_lost)) return fault->code();
    return {};
  }

  /// The whole receive; nothing when `into` is a message to hand out.
  failure run(bool partial) noexcept {
    if (const auto refusal = prepare()) [[unlikely]]
      return refusal;
    msghdr header;
    sockaddr_un name;
    const auto size = receive(header, name);
    if (!size) [[unlikely]]
      return size.error();

    const auto fault = take_control(std::min<std::size_t>(header.msg_controllen, into.control_.size()));
    into.size = *size;
    if (end_of_file(*size, header.msg_flags)) [[unlikely]]
      return errc::end_of_file;
    if (const auto loss = judge(header.msg_flags, fault, partial)) [[unlikely]] {
      from.receive_side_dead_ = from.type_ == socket_type::stream;
      return loss;
    }
    if (from.type_ == socket_type::datagram) {
      if (const auto sender = address::from_native(name, header.msg_namelen)) into.from = *sender;
    }
    return {};
  }

  static result<message, receive_error> run(channel& from, const mutable_buffers& room, std::size_t max,
                                            const receive_options& options, bool partial) noexcept {
    result<message, receive_error> out{std::in_place};
    receiver one{from, room, std::min(max, limits::descriptors_per_message), options, *out};
    if (const auto failed = one.run(partial)) out = std::unexpected{receive_error{*failed, one.installed, one.max}};
    return out;
  }
};

}  // namespace detail

// Flattened: the layers above make the code readable, and cost too much as calls, which are slow after a system call
// (the kernel empties the predictors of branches and returns on its way out).
[[gnu::flatten]] result<message, receive_error> channel::receive(mutable_buffers room, std::size_t max,
                                                                 const receive_options& options) noexcept {
  return detail::receiver::run(*this, room, max, options, false);
}

[[gnu::flatten]] result<void, receive_error> channel::receive(message& into, mutable_buffers room, std::size_t max,
                                                              const receive_options& options) noexcept {
  into.clear();
  detail::receiver one{*this, room, std::min(max, limits::descriptors_per_message), options, into};
  if (const auto failed = one.run(false)) {
    into.clear();
    return std::unexpected{receive_error{*failed, one.installed, one.max}};
  }
  return {};
}

[[gnu::flatten]] result<message, receive_error> channel::receive_partial(mutable_buffers room, std::size_t max,
                                                                         const receive_options& options) noexcept {
  return detail::receiver::run(*this, room, max, options, true);
}

}  // namespace scm::inline v0_1
