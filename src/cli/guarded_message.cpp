#include "cli/guarded_message.hpp"

#include "inspect/socket_details.hpp"

#include <scm/core/control_items.hpp>
#include <scm/core/control_view.hpp>
#include <scm/core/limits.hpp>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace scm::cli {
namespace {

bool has_ended(borrowed_fd process) noexcept {
  pollfd event{process.native_handle(), POLLIN, 0};
  return !process || ::poll(&event, 1, 0) != 0;
}

/// The file that runs, as procfs names it. Of one that was removed the name is no name any more.
std::string program_of(const supervised_message& message) {
  std::array<char, limits::link_bytes> text{};
  const auto link = fmt::format("/proc/{}/exe", message.thread);
  const ssize_t size = ::readlink(link.c_str(), text.data(), text.size());
  // The number is this thread's as long as its process lives.
  if (size <= 0 || static_cast<std::size_t>(size) == text.size() || has_ended(message.process_fd)) return {};
  const std::string_view path{text.data(), static_cast<std::size_t>(size)};
  return path.ends_with(" (deleted)") ? std::string{} : std::string{path};
}

std::optional<address> address_in(std::span<const std::byte> name) noexcept {
  sockaddr_un native{};
  std::memcpy(&native, name.data(), std::min(name.size(), sizeof native));
  if (!name.empty() && native.sun_family != AF_UNIX) return {};
  const auto found = address::from_native(native, static_cast<socklen_t>(name.size()));
  return found ? std::optional{*found} : std::nullopt;
}

template <class Call>
std::optional<address> name_by(Call call, borrowed_fd socket) noexcept {
  sockaddr_un name{};
  socklen_t size = sizeof name;
  if (call(socket.native_handle(), reinterpret_cast<sockaddr*>(&name), &size) != 0) return {};
  const auto found = address::from_native(name, size);
  return found ? std::optional{*found} : std::nullopt;
}

/// Who made the connection, or listens at its other end (kernel fact E10).
std::optional<credentials> connected_process(borrowed_fd socket) noexcept {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return {};
  // Nobody: what a socket says that is not connected.
  if (size != sizeof who || who.uid == static_cast<uid_t>(-1)) return {};
  return credentials{who.pid, who.uid, who.gid};
}

/// Who wrote a message, if it says so. At the end of a stream it says pid 0, uid 0 (E3), and of one that was queued
/// before anybody asked nobody: that is no answer.
std::optional<credentials> writer_in(const supervised_message& message) noexcept {
  control_view walk{message.control};
  while (const auto one = walk.next()) {
    if (kind_of(*one) != control_kind::credentials) continue;
    const auto who = as_credentials(*one);
    if (who && who->pid != 0) return *who;
  }
  return {};
}

}  // namespace

guarded_message::guarded_message(const supervised_message& message)
    : message_{&message}, program_{program_of(message)} {
  const auto option = [&](int name) { return detail::socket_option(message.socket, name).value_or(0); };
  family_ = option(SO_DOMAIN);
  type_ = option(SO_TYPE);
  if (family_ == AF_UNIX) look_at_ends();
}

void guarded_message::look_at_ends() {
  const borrowed_fd socket = message_->socket;
  const bool received = message_->use == message_use::receive;
  local_ = name_by(::getsockname, socket);
  // The kernel looks at the address of a message on datagram sockets alone: a seqpacket one sends to its peer whatever
  // is named (kernel fact D4), and so the name must not be believed.
  const bool named = type_ == SOCK_DGRAM && (received || !message_->name.empty());
  peer_ = named ? address_in(message_->name) : name_by(::getpeername, socket);
  if (received) peer_process_ = writer_in(*message_);
  if (!peer_process_ && !(named && !received)) peer_process_ = connected_process(socket);
}

bool guarded_message::more_bytes() const noexcept {
  return message_->use == message_use::send && type_ != SOCK_DGRAM && type_ != SOCK_SEQPACKET &&
         message_->payload.size() >= judged_stream_bytes;
}

policy_message guarded_message::for_policy() const noexcept {
  policy_message out;
  out.received = message_->use == message_use::receive;
  out.program = program_;
  out.family = family_;
  out.type = type_;
  out.peer = peer_;
  out.local = local_;
  if (peer_process_) out.peer_uid = peer_process_->uid;
  if (peer_process_) out.peer_gid = peer_process_->gid;
  out.bytes = message_->payload.size();
  out.more_bytes = more_bytes();
  out.out_of_band = (message_->flags & MSG_OOB) != 0;
  out.descriptors = message_->descriptors;
  return out;
}

}  // namespace scm::cli
