/// Receiving: the waits, and what is done with each message. Channels and batches share this, and nobody else does it.
#pragma once

#include "channel/wait.hpp"
#include "core/os_error.hpp"

#include <scm/channel/channel.hpp>

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace scm::inline v0_1::detail {

/// What is received from, and at most how many descriptors with each message.
struct source {
  borrowed_fd fd;
  socket_type type;
  const control_room& enabled;  // borrowed: it is long, and read once
  std::size_t max;              // 253 at most

  /// Room for the control data of one message: for one descriptor more than the maximum, to see a surplus.
  [[nodiscard]] control_room room() const noexcept {
    control_room wanted = enabled;
    wanted.rights = std::min(max + 1, limits::descriptors_per_message);
    return wanted;
  }
  /// Slots of the descriptor table that one message takes, if its sender keeps to the maximum or sends one more.
  [[nodiscard]] std::size_t slots() const noexcept { return room().rights + (enabled.pidfd ? 1 : 0); }
  /// Slots that one message takes at most: padding, and the room of items that did not come, hold descriptors too (B1).
  [[nodiscard]] std::size_t most_slots() const noexcept {
    const std::size_t fit = (room().bytes() - cmsg_header_size()) / sizeof(int);
    return std::min(fit, limits::descriptors_per_message) + (enabled.pidfd ? 1 : 0);
  }
};

/// How many of `wanted` messages the descriptor table has room for, whatever comes with them, and for the reserve.
[[nodiscard]] std::size_t within_reserve(const source& from, std::size_t reserve, std::size_t wanted) noexcept;
/// Whether what comes next is an end of file, for which no room is needed.
[[nodiscard]] bool end_is_next(const source& from) noexcept;
[[nodiscard]] bool is_shut_down(borrowed_fd socket) noexcept;

/// Repeats `attempt(flags, messages)`, which asks the kernel for at most so many messages, until it takes some.
/// `waiting` are the flags of an attempt that the kernel may wait in.
template <class Attempt>
result<std::size_t> receive_within(const source& from, const receive_options& options, std::size_t wanted, int waiting,
                                   Attempt attempt) noexcept {
  const bool datagrams = from.type == socket_type::datagram;
  waiter wait{options.until};
  // Datagrams are never waited for in the kernel: where another holder of the description has shut it down for
  // receiving, a wait would return nothing, again and again, and nothing looks like an empty datagram.
  const int flags =
      MSG_CMSG_CLOEXEC | (wait.forever() && !options.reserve && !datagrams ? waiting : static_cast<int>(MSG_DONTWAIT));
  bool shut_down = false;
  std::size_t messages = wanted;
  for (;;) {
    if (options.reserve) [[unlikely]] {  // looked at when there is a message, not before a wait for one
      if (const auto none = wait.before(from.fd, POLLIN)) return std::unexpected{none};
      messages = within_reserve(from, *options.reserve, wanted);
      if (messages == 0 && !end_is_next(from)) return std::unexpected{make_error_code(errc::no_headroom)};
      messages = std::max<std::size_t>(messages, 1);
    }
    const ssize_t taken = attempt(flags, messages);
    if (taken >= 0) [[likely]]
      return static_cast<std::size_t>(taken);

    const int number = errno;
    if (number == EAGAIN && datagrams) {
      // Nothing is queued, and nothing can follow; looked at once more, since the last message and the shutdown may
      // have come in between.
      if (shut_down) return std::unexpected{make_error_code(errc::end_of_file)};
      if ((shut_down = is_shut_down(from.fd))) continue;
    }
    std::error_code give_up = os_error(number);
    if (number == EINTR) give_up = wait.interrupted();
    if (number == EAGAIN) give_up = wait.ready(from.fd, POLLIN);
    if (give_up) return std::unexpected{give_up};
  }
}

/// What owning a message has found out, for the judgement.
struct tally {
  std::size_t installed = 0;
  bool refused = false;
  std::optional<parse_error> fault{};
};

/// One message: takes room, is pointed at, owns what came, and only then judges it.
struct receiver {
  const source& from;
  message& into;
  tally& seen;

  /// Why there is no message, if there is none. An error_code of value 0 would do, but making one is a call into the
  /// standard library, and these functions are on the path of every message.
  using failure = std::optional<std::error_code>;

  static source source_of(const channel& at, std::size_t max) noexcept {
    return {at.fd(), at.type_, at.enabled_, std::min(max, limits::descriptors_per_message)};
  }

  /// Everything that can fail for lack of memory, before anything can be lost. The message must hold no descriptor.
  failure prepare() noexcept {
    try {
      into.control_.resize(from.room().bytes(), boost::container::default_init);
    } catch (...) {
      return std::make_error_code(std::errc::not_enough_memory);
    }
    // Bytes from before must not pass for control data, should whoever stands in for the kernel write less than it
    // says.
    std::memset(into.control_.data(), 0, into.control_.size());
    if (const auto reserved = into.descriptors.reserve(from.max); !reserved) return reserved.error();
    return {};
  }
  /// Room for any source of so many descriptors a message. Errors: not_enough_memory.
  static failure prepare_for_any(message& one, std::size_t max) noexcept {
    control_room all = message::inline_room;
    all.rights = std::min(max + 1, limits::descriptors_per_message);
    tally none;
    return receiver{source{borrowed_fd{-1}, socket_type::seqpacket, all, max}, one, none}.prepare();
  }

  /// Before each attempt.
  void point(msghdr& header, std::span<const mutable_buffer> buffers, sockaddr_un& name) noexcept {
    header = {};
    header.msg_iov = reinterpret_cast<iovec*>(const_cast<mutable_buffer*>(buffers.data()));
    header.msg_iovlen = buffers.size();
    header.msg_control = into.control_.data();
    header.msg_controllen = into.control_.size();
    if (from.type == socket_type::datagram) {
      header.msg_name = &name;
      header.msg_namelen = sizeof name;
    }
  }

  /// Owns every descriptor that the kernel installed and notes the rest; no judgement, no allocation, no early end.
  void own(const msghdr& header) noexcept {
    into.control_.resize(std::min<std::size_t>(header.msg_controllen, into.control_.size()));
    seen.fault.reset();
    if (into.control_.empty()) return;
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
            seen.refused = true;
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
    seen.fault = walk.error() ? walk.error() : fault;
  }

  /// An end of file has neither bytes nor descriptors. On streams it may carry credentials that read as root (E3); on
  /// seqpacket it carries nothing at all, where a cut or an item tells of a message (D1).
  [[nodiscard]] bool end_of_file(std::size_t size, int flags) const noexcept {
    if (size != 0) return false;
    if (from.type == socket_type::stream) return true;
    return from.type == socket_type::seqpacket && into.control_.empty() && (flags & (MSG_CTRUNC | MSG_TRUNC)) == 0;
  }

  /// What there is to say against a message that is owned; nothing when it is one to hand out.
  [[nodiscard]] failure judge(const msghdr& header, const sockaddr_un& name, bool partial) noexcept {
    into.payload_cut = (header.msg_flags & MSG_TRUNC) != 0;
    into.descriptors_lost = (header.msg_flags & MSG_CTRUNC) != 0;
    if (!partial) {
      if (into.surplus != 0) return errc::over_limit;
      if (into.descriptors_lost) return errc::descriptors_lost;
      if (seen.refused) return errc::refused;
      if (into.payload_cut) return errc::payload_cut;
    }
    // A cut item is malformed by itself; where the cut is accepted, so is the missing item.
    if (seen.fault && !(partial && into.descriptors_lost)) return seen.fault->code();
    if (from.type == socket_type::datagram) {
      if (const auto sender = address::from_native(name, header.msg_namelen)) into.from = *sender;
    }
    return {};
  }

  /// The whole receive of one message into `into`, which must be empty, and is again when there is none.
  static result<void, receive_error> run(channel& at, message& into, const mutable_buffers& room, std::size_t max,
                                         const receive_options& options, bool partial, bool again = false) noexcept;
  /// The same after an end of file on seqpacket, which is to be believed when it is said twice.
  static result<void, receive_error> run_again(channel& at, message& into, const mutable_buffers& room, std::size_t max,
                                               receive_options options, bool partial) noexcept;

 private:
  void take_slot(int slot) noexcept {
    if (slot >= 0) ++seen.installed;
    if (slot < 0) seen.refused = true;
    if (into.descriptors.size() < from.max) [[likely]] {
      (void)into.descriptors.adopt(slot);  // within the room that prepare() took
    } else if (slot >= 0) {
      ++into.surplus;
      close_descriptor(slot);
    }
  }
};

}  // namespace scm::inline v0_1::detail
