#include "service/supervisor_send.hpp"

#include "core/os_error.hpp"

#include <scm/core/control_items.hpp>

#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace scm::inline v0_1::detail {

// --- the snapshot ----------------------------------------------------------------------------------------------------

int sending::take_rights(supervised_kernel& kernel, const control_message& rights, bool of_unix) noexcept {
  const auto numbers = as_rights(rights);
  const std::size_t count = numbers.size();
  if (!of_unix) {
    // IP sockets skip them and netlink refuses them, whatever the numbers: ours must not be looked at.
    std::array<std::byte, 4 * limits::descriptors_per_message> none;
    none.fill(std::byte{0xff});
    if (count > limits::descriptors_per_message) return EINVAL;
    const auto put = control_.append(rights.level, rights.type, std::span{none}.first(4 * count));
    return put ? 0 : number_of_error(put.error());
  }
  if (count > limits::descriptors_per_message - descriptors_.size()) return EINVAL;  // before any of them is looked at
  const std::size_t first = descriptors_.size();
  if (!descriptors_.reserve(first + count)) return ENOMEM;
  for (std::size_t i = 0; i != count; ++i) {
    auto fetched = kernel.fetch(numbers[i]);
    if (!fetched) return number_of_error(fetched.error());
    (void)descriptors_.adopt(std::move(*fetched));
  }
  const auto put = control_.append_rights(descriptors_.view().subspan(first));
  return put ? 0 : number_of_error(put.error());
}

// The control data that goes out in place of the program's: left to right, and the first error is the answer (fact G).
int sending::take_control(supervised_kernel& kernel, supervised_socket& socket) noexcept {
  const auto family = socket.family_by(kernel);
  if (!family) return number_of_error(family.error());
  const bool of_unix = *family == AF_UNIX;
  control_view walk{message_.control(), message_.layout()};
  while (const auto message = walk.next()) {
    const control_kind kind = kind_of(*message);
    if (kind == control_kind::rights) {
      if (const int fault = take_rights(kernel, *message, of_unix); fault != 0) return fault;
    } else if (kind == control_kind::credentials && of_unix) {
      const auto claimed = as_credentials(*message);
      if (!claimed) return EINVAL;
      const auto allowed = kernel.identity(*claimed);
      if (!allowed) return number_of_error(allowed.error());
      as_ = *allowed;
    } else if (const auto put = control_.append(message->level, message->type, message->payload); !put) {
      return put.error() == errc::over_limit ? EINVAL : number_of_error(put.error());
    }
  }
  if (walk.error()) return EINVAL;
  if (of_unix && !as_) {
    const auto own = kernel.identity({});
    if (!own) return number_of_error(own.error());
    as_ = *own;
  }
  if (as_) {
    if (const auto put = control_.append_credentials(*as_); !put) return number_of_error(put.error());
  }
  return 0;
}

int sending::take_name(supervised_kernel& kernel, supervised_socket& socket) noexcept {
  const auto given = message_.name();
  std::memcpy(&name_.name, given.data(), given.size());
  name_.size = static_cast<socklen_t>(given.size());
  constexpr std::size_t path = offsetof(sockaddr_un, sun_path);
  if (given.empty() || socket.type != SOCK_DGRAM) return 0;
  const auto family = socket.family_by(kernel);
  if (!family) return number_of_error(family.error());
  if (*family != AF_UNIX) return 0;
  by_name_ = true;
  // What is no path goes as it is, and so does what the kernel refuses before it looks.
  if (given.size() <= path || given.size() > sizeof(sockaddr_un) || name_.name.ss_family != AF_UNIX ||
      given[path] == std::byte{}) {
    return 0;
  }
  auto found = kernel.find(given);
  if (!found) return number_of_error(found.error());
  name_ = std::move(*found);
  return 0;
}

int sending::read_piece(supervised_kernel& kernel, const payload_room& room, piece& payload) noexcept {
  const auto bytes = room.bytes();
  payload = {bytes, 0};
  if (bytes.empty()) return 0;
  std::size_t got = 0;
  if (sent_ == 0) {
    const auto all = message_.read_payload(kernel.memory(), bytes);
    if (!all) return number_of_error(all.error());
    got = *all;
  } else {
    boost::container::small_vector<foreign_source, 16> parts;
    std::size_t offset = sent_, at = 0;
    try {
      for (const foreign_buffer& buffer : message_.buffers()) {
        if (at == bytes.size()) break;
        if (offset >= buffer.size) {
          offset -= static_cast<std::size_t>(buffer.size);
          continue;
        }
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size - offset, bytes.size() - at));
        parts.push_back({buffer.address + offset, bytes.subspan(at, size)});
        at += size;
        offset = 0;
      }
    } catch (...) {
      return ENOMEM;
    }
    const auto all = kernel.memory().read({parts.data(), parts.size()});
    if (!all) return number_of_error(all.error());
    got = *all;
  }
  if (!kernel.valid()) return ESRCH;
  got = std::min(got, bytes.size());
  payload = {bytes.first(got), bytes.size() - got};
  return 0;
}

int sending::without_rights() noexcept {
  descriptors_.clear();
  control_buffer rest;
  control_view walk{control_.bytes()};
  while (const auto message = walk.next()) {
    if (kind_of(*message) == control_kind::rights) continue;
    if (!rest.append(message->level, message->type, message->payload)) return ENOMEM;
  }
  control_ = std::move(rest);
  return 0;
}

// 0, or the errno that the program gets instead.
int sending::judge(supervised_kernel& kernel, supervised_desk& desk, const supervised_socket& socket,
                   std::uint32_t flags, std::span<const std::byte> payload) noexcept {
  if (!desk.judge) return 0;
  const auto who = kernel.who();
  const message_verdict verdict = desk.judged({.use = message_use::send,
                                               .thread = who.thread,
                                               .process = who.process,
                                               .process_fd = who.process_fd,
                                               .socket = socket.fd.get(),
                                               .flags = flags,
                                               .name = message_.name(),
                                               .payload = payload,
                                               .descriptors = descriptors_.view(),
                                               .fitting = descriptors_.size(),
                                               .control = control_.bytes()});
  switch (verdict.what) {
    using enum message_verdict::action;
    case allow:
      return 0;
    case strip:
      return without_rights();
    case kill:
      kernel.kill();
      break;
    case deny:
      break;
  }
  return verdict.error;
}

// In the kernel's order; nothing when it can be sent.
std::optional<entry_outcome> sending::prepare(supervised_kernel& kernel, supervised_desk& desk,
                                              supervised_socket& socket, std::uint32_t flags, const payload_room& room,
                                              piece& payload) noexcept {
  if (const int fault = take_control(kernel, socket); fault != 0) {
    // Of a seqpacket the kernel looks at that first (unix_seqpacket_sendmsg).
    const bool adrift = socket.type == SOCK_SEQPACKET && socket.family == AF_UNIX && !kernel.connected(socket.fd.get());
    return entry_outcome::failure(adrift ? ENOTCONN : fault);
  }
  if (const int fault = take_name(kernel, socket); fault != 0) return entry_outcome::failure(fault);
  if (const int fault = read_piece(kernel, room, payload); fault != 0) return entry_outcome::failure(fault);
  // Everything was fetched and read while the call was waiting, or it is somebody else's.
  if (!kernel.valid()) return entry_outcome::failure(ESRCH);
  if (const int refusal = judge(kernel, desk, socket, flags, payload.bytes); refusal != 0) {
    return entry_outcome::failure(refusal);
  }
  prepared_ = true;
  return {};
}

// --- sending ---------------------------------------------------------------------------------------------------------

send_outcome sending::give(supervised_kernel& kernel, supervised_socket& socket, std::uint32_t flags,
                           const piece& payload) noexcept {
  // Bytes that are not there are not there for the kernel, either: it does what it would have done.
  iovec buffers[]{{const_cast<std::byte*>(payload.bytes.data()), payload.bytes.size()}, {nullptr, payload.missing}};
  msghdr message{};
  message.msg_name = name_.size != 0 ? &name_.name : nullptr;
  message.msg_namelen = name_.size;
  message.msg_iov = buffers;
  message.msg_iovlen = payload.missing == 0 ? 1 : 2;
  message.msg_control = control_.empty() ? nullptr : const_cast<std::byte*>(control_.bytes().data());
  message.msg_controllen = control_.bytes().size();
  // Zero-copy would go on reading from our room when it holds somebody else's bytes.
  constexpr std::uint32_t not_ours = MSG_ZEROCOPY;
  return kernel.send(socket.fd.get(), socket.family, message, static_cast<int>(flags & ~not_ours) | MSG_DONTWAIT);
}

entry_outcome sending::not_sent(supervised_kernel& kernel, supervised_socket& socket, std::uint32_t flags,
                                const send_outcome& why, const piece& payload) noexcept {
  const int number = number_of_error(why.sent.error());
  if (number == EAGAIN && patience_.may_wait(kernel, socket.fd.get(), flags, SO_SNDTIMEO)) {
    const deadline until = patience_.until(kernel);
    const auto now = kernel.now();
    if (until == no_deadline || now < until) {
      if (sent_ == 0 && !keeps_) {
        try {
          kept_.assign(payload.bytes.begin(), payload.bytes.end());
        } catch (...) {
          return entry_outcome::failure(ENOMEM);
        }
        kept_missing_ = payload.missing;
        keeps_ = true;
      }
      if (!by_name_) return entry_outcome::waiting(entry_outcome::kind::writable, until);
      pause_ = std::clamp(2 * pause_, limits::first_backoff, limits::last_backoff);
      return entry_outcome::waiting(entry_outcome::kind::back_off, std::min(until, now + pause_));
    }
  }
  if (sent_ != 0) return entry_outcome::done(sent_, true);
  if (why.broken_pipe) kernel.break_pipe();
  return entry_outcome::failure(number);
}

entry_outcome sending::attempt(supervised_kernel& kernel, supervised_desk& desk, supervised_socket& socket,
                               std::uint32_t flags) noexcept {
  const bool stream = socket.type == SOCK_STREAM;
  const std::size_t total = message_.payload_size();
  for (int turn = 0;; ++turn) {
    if (turn == supervised_pieces_at_once) return entry_outcome::waiting(entry_outcome::kind::back_off, kernel.now());
    const std::size_t most = sent_ == 0 ? judged_stream_bytes : supervised_piece;
    const std::size_t size = stream ? std::min(total - sent_, most) : total;
    piece payload{{kept_.data(), kept_.size()}, kept_missing_};
    payload_room room;
    if (!keeps_) {
      if (!stream && size > desk.payload.size()) {
        // Longer than a datagram can be: not worth reading. What else is wrong with it is said first.
        const auto most_sent = kernel.option(socket.fd.get(), SO_SNDBUF);
        if (most_sent && size > static_cast<std::size_t>(std::max(*most_sent, 0))) {
          const int fault = take_control(kernel, socket);
          return entry_outcome::failure(fault != 0 ? fault : EMSGSIZE);
        }
      }
      auto taken = payload_room::take(desk, size);
      if (!taken) return entry_outcome::failure(ENOMEM);
      room = std::move(*taken);
      if (!prepared_) {
        if (auto refused = prepare(kernel, desk, socket, flags, room, payload)) return *refused;
      } else if (const int fault = read_piece(kernel, room, payload); fault != 0) {
        return entry_outcome::done(sent_, true);
      }
    }
    const std::size_t descriptors = sent_ == 0 ? descriptors_.size() : 0;
    const auto outcome = give(kernel, socket, flags, payload);
    if (!outcome.sent) return not_sent(kernel, socket, flags, outcome, payload);
    if (sent_ == 0) {
      ++desk.statistics.sends;
      desk.statistics.descriptors_out += descriptors;
    }
    sent_ += *outcome.sent;
    keeps_ = false;
    kept_ = {};
    patience_.begin_anew();
    if (!stream || sent_ >= total) return entry_outcome::done(sent_, sent_ < total);
    if (*outcome.sent == 0) return entry_outcome::done(sent_, true);
    // The descriptors have gone with the first bytes (kernel fact C6).
    if (const int fault = without_rights(); fault != 0) return entry_outcome::done(sent_, true);
  }
}

}  // namespace scm::inline v0_1::detail
