#include "frame/record_sender.hpp"

#include "channel/send.hpp"
#include "channel/socket.hpp"
#include "core/run_closer.hpp"

#include <algorithm>

namespace scm::inline v0_1::detail {
namespace {

std::unexpected<std::error_code> failed(std::errc code) noexcept { return std::unexpected{std::make_error_code(code)}; }

/// Errors that leave what waits as good as it was.
bool passes(std::error_code code) noexcept {
  return code == std::errc::resource_unavailable_try_again || code == std::errc::timed_out;
}

}  // namespace

/// What is left of a record that goes out in pieces.
struct record_sender::remaining {
  byte_source from;
  std::size_t bytes;
  std::size_t descriptors;

  struct piece {
    std::size_t bytes;
    std::size_t descriptors;
    std::uint8_t flags;
  };
  [[nodiscard]] piece next(const outbox& out) const noexcept {
    const std::size_t some = std::min(bytes, out.most_payload());
    const std::size_t few = std::min(descriptors, limits::descriptors_per_message);
    return {some, few, some == bytes && few == descriptors ? std::uint8_t{0} : wire::more};
  }
  void add(const piece& one, outbox& out) noexcept {
    out.add(from, one.bytes, one.descriptors, one.flags);
    bytes -= one.bytes;
    descriptors -= one.descriptors;
  }
};

result<std::size_t> most_packet_bytes(const channel& over) noexcept {
  if (over.type() == socket_type::stream) return limits::packet_bytes;
  const auto buffer = get_option(over.fd(), SO_SNDBUF);
  if (!buffer) return std::unexpected{buffer.error()};
  constexpr int kept = 32;  // of the send buffer, for the kernel (D3)
  if (*buffer <= kept + static_cast<int>(wire::headers)) return failed(std::errc::invalid_argument);
  return std::min(static_cast<std::size_t>(*buffer - kept), limits::packet_bytes);
}

record_sender::~record_sender() {
  run_closer closer;
  for (const borrowed_fd one : queued_) closer.add(one.native_handle());
}

result<void> record_sender::reserve() noexcept {
  try {
    lent_.resize(limits::descriptors_per_message, borrowed_fd{-1});
  } catch (...) {
    return failed(std::errc::not_enough_memory);
  }
  if (auto room = control_.append_rights(lent_); !room) return room;
  return out_.reserve(2 * out_.most_payload(), 0);  // a packet, and one to give a record up
}

/// One sendmsg(2) of the first packet, or of what is left of it.
result<void> record_sender::send_front(std::span<const borrowed_fd> descriptors, deadline until) noexcept {
  const const_buffer packet{out_.front()};
  control_.clear();
  (void)control_.append_rights(descriptors);  // within the room that reserve() took
  const auto sent = send_with(control_, over_.fd(), nullptr, packet, until);
  if (!sent) return std::unexpected{sent.error().code};
  out_.sent(*sent);
  return {};
}

/// The same for a packet whose descriptors are owned: closes those that are gone.
result<void> record_sender::send_queued_front(deadline until) noexcept {
  const auto own = std::span{queued_}.first(out_.front_descriptors());
  if (auto sent = send_front(own, until); !sent) return sent;
  {
    run_closer closer;
    for (const borrowed_fd one : own) closer.add(one.native_handle());
  }
  queued_.erase(queued_.begin(), queued_.begin() + static_cast<std::ptrdiff_t>(own.size()));
  return {};
}

result<void> record_sender::flush(deadline until) noexcept {
  while (!out_.empty()) {
    if (auto sent = send_queued_front(until); !sent) return sent;
  }
  return {};
}

/// The bytes that the kernel did not take of a record that is as good as sent: they can wait, as all of its descriptors
/// have left. Whatever keeps them here is told by the next call, since a record that was refused must not arrive later.
void record_sender::send_rest(deadline until) noexcept { (void)flush(until); }

result<void> record_sender::send(const const_buffers& bytes, std::span<const borrowed_fd> descriptors,
                                 deadline until) noexcept {
  if (auto flushed = flush(until); !flushed) return flushed;
  const std::size_t size = bytes.size();
  if (!out_.fits_packet(size, descriptors.size())) return send_in_pieces(bytes, descriptors, until);
  byte_source from{bytes.span()};
  out_.add(from, size, descriptors.size());
  if (auto sent = send_front(descriptors, until); !sent) {
    out_.drop_last();
    return sent;
  }
  send_rest(until);
  return {};
}

result<std::size_t> record_sender::send_many(std::span<const outgoing_record> records, deadline until) noexcept {
  std::size_t done = 0;
  const auto ended = [&](const result<void>& why) -> result<std::size_t> {
    if (done != 0) return done;
    return std::unexpected{why.error()};
  };
  while (done != records.size()) {
    if (const auto flushed = flush(until); !flushed) return ended(flushed);
    const outgoing_record& next = records[done];
    if (!out_.fits_packet(next.bytes.size(), next.descriptors.size())) {
      if (const auto sent = send_in_pieces(next.bytes, next.descriptors, until); !sent) return ended(sent);
      ++done;
      continue;
    }
    lent_.clear();
    std::size_t packed = done;
    do {
      const outgoing_record& one = records[packed];
      byte_source from{{&one.bytes, 1}};
      out_.add(from, one.bytes.size(), one.descriptors.size());
      lent_.insert(lent_.end(), one.descriptors.begin(), one.descriptors.end());
      ++packed;
    } while (packed != records.size() &&
             out_.fits_open_packet(records[packed].bytes.size(), records[packed].descriptors.size()));
    if (const auto sent = send_front(lent_, until); !sent) {
      out_.drop_last();
      return ended(sent);
    }
    done = packed;
  }
  send_rest(until);
  return done;
}

/// A record that needs more than one packet. Once a piece of it is gone, the rest must follow, or word that it does
/// not.
result<void> record_sender::send_in_pieces(const const_buffers& bytes, std::span<const borrowed_fd> descriptors,
                                           deadline until) noexcept {
  remaining record{byte_source{bytes.span()}, bytes.size(), descriptors.size()};
  for (bool first = true;; first = false) {
    const remaining before = record;
    auto sent = flush(until);
    if (sent) {
      const auto piece = record.next(out_);
      record.add(piece, out_);
      sent = send_front(descriptors.first(piece.descriptors), until);
      if (sent && piece.flags == 0) {
        send_rest(until);
        return {};
      }
      if (sent) {
        descriptors = descriptors.subspan(piece.descriptors);
        continue;
      }
      out_.drop_last();
      record = before;
    }
    if (first) return sent;
    const bool can_wait = passes(sent.error()) && record.descriptors == 0 &&
                          has_room(out_.packed_size(record.bytes, 0), 0) && out_.reserve(record.bytes, 0);
    if (can_wait) {
      add_in_pieces(record);
      return {};
    }
    byte_source nothing{{}};
    out_.add(nothing, 0, 0, wire::abandoned);
    return sent;
  }
}

void record_sender::add_in_pieces(remaining& record) noexcept {
  for (;;) {
    const auto piece = record.next(out_);
    record.add(piece, out_);
    if (piece.flags == 0) return;
  }
}

bool record_sender::has_room(std::size_t packed, std::size_t descriptors) const noexcept {
  return packed <= bounds_.queued_bytes && out_.bytes() <= bounds_.queued_bytes - packed &&
         descriptors <= bounds_.queued_descriptors && queued_.size() <= bounds_.queued_descriptors - descriptors;
}

result<void> record_sender::queue(const const_buffers& bytes, std::span<const borrowed_fd> descriptors,
                                  deadline until) noexcept {
  const std::size_t size = bytes.size();
  const std::size_t packed = out_.packed_size(size, descriptors.size());
  if (packed > bounds_.queued_bytes || descriptors.size() > bounds_.queued_descriptors) {
    return std::unexpected{make_error_code(errc::over_limit)};
  }
  while (!has_room(packed, descriptors.size())) {
    if (auto sent = send_queued_front(until); !sent) return sent;
  }
  if (auto room = out_.reserve(size, descriptors.size()); !room) return room;
  try {
    queued_.insert(queued_.end(), descriptors.begin(), descriptors.end());
  } catch (...) {
    return failed(std::errc::not_enough_memory);
  }
  remaining record{byte_source{bytes.span()}, size, descriptors.size()};
  add_in_pieces(record);
  while (out_.packets() > 1) {
    if (!send_queued_front(dont_wait)) break;  // its reason is told by the next call that must send
  }
  return {};
}

}  // namespace scm::inline v0_1::detail
