#include <scm/frame/record_channel.hpp>

#include "core/run_closer.hpp"
#include "frame/record_receiver.hpp"
#include "frame/record_sender.hpp"

#include <variant>

namespace scm::inline v0_1 {

/// The two sides have nothing in common but the socket, so that each can have a thread of its own.
struct record_channel::state {
  template <class Channel>
  state(Channel&& over, record_decoder&& decoder, const record_bounds& bounds, std::size_t packet_bytes) noexcept
      : owner{std::forward<Channel>(over)}, out{socket(), bounds, packet_bytes}, in{socket(), std::move(decoder)} {}

  channel& socket() noexcept {
    if (auto* const packets = std::get_if<seqpacket>(&owner)) return *packets;
    return *std::get_if<stream>(&owner);
  }

  std::variant<stream, seqpacket> owner;
  detail::record_sender out;
  detail::record_receiver in;
};

template <class Channel>
result<record_channel> record_channel::make_over(Channel&& over, const record_bounds& bounds) noexcept {
  const auto packet_bytes = detail::most_packet_bytes(over);
  if (!packet_bytes) return std::unexpected{packet_bytes.error()};
  auto decoder = record_decoder::make(over.type(), bounds);
  if (!decoder) return std::unexpected{decoder.error()};
  const auto no_memory = std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  std::unique_ptr<state> made{new (std::nothrow)
                                  state{std::forward<Channel>(over), std::move(*decoder), bounds, *packet_bytes}};
  if (!made) return no_memory;
  if (!made->out.reserve() || !made->in.reserve()) {
    over = std::move(*std::get_if<std::remove_cvref_t<Channel>>(&made->owner));
    return no_memory;
  }
  return record_channel{std::move(made)};
}

result<record_channel> record_channel::make(stream&& over, const record_bounds& bounds) noexcept {
  return make_over(std::move(over), bounds);
}
result<record_channel> record_channel::make(seqpacket&& over, const record_bounds& bounds) noexcept {
  return make_over(std::move(over), bounds);
}

record_channel::record_channel(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
record_channel::record_channel(record_channel&& other) noexcept = default;
record_channel& record_channel::operator=(record_channel&& other) noexcept = default;
record_channel::~record_channel() = default;

borrowed_fd record_channel::fd() const noexcept { return state_->socket().fd(); }
socket_type record_channel::type() const noexcept { return state_->socket().type(); }
peer_identity record_channel::peer() const noexcept { return state_->socket().peer(); }

result<void> record_channel::send(const_buffers bytes, borrowed_fds descriptors, deadline until) noexcept {
  return state_->out.send(bytes, descriptors.span(), until);
}
result<std::size_t> record_channel::send_many(std::span<const outgoing_record> records, deadline until) noexcept {
  return state_->out.send_many(records, until);
}

result<void> record_channel::queue(const_buffers bytes, descriptor_list&& descriptors, deadline until) noexcept {
  for (const borrowed_fd slot : descriptors.view()) {
    if (!slot) return std::unexpected{std::make_error_code(std::errc::bad_file_descriptor)};
  }
  const auto queued = state_->out.queue(bytes, descriptors.view(), until);
  if (!queued) return queued;
  for (std::size_t i = 0; i != descriptors.size(); ++i) (void)descriptors.take(i).release();
  descriptors.clear();
  return {};
}
result<void> record_channel::queue(const_buffers bytes, owned_fd&& descriptor, deadline until) noexcept {
  if (!descriptor) return std::unexpected{std::make_error_code(std::errc::bad_file_descriptor)};
  const borrowed_fd one = descriptor.get();
  const auto queued = state_->out.queue(bytes, {&one, 1}, until);
  if (queued) (void)descriptor.release();
  return queued;
}
result<void> record_channel::queue(const_buffers bytes, deadline until) noexcept {
  return state_->out.queue(bytes, {}, until);
}

result<void> record_channel::flush(deadline until) noexcept { return state_->out.flush(until); }
waiting_records record_channel::waiting() const noexcept { return state_->out.waiting(); }

result<record, record_error> record_channel::receive(const receive_options& options) noexcept {
  return state_->in.receive(options);
}

result<record, record_admission_error> record_channel::receive(const admission& agreed,
                                                               const receive_options& options) noexcept {
  const auto got = receive(options);
  if (!got) return std::unexpected{record_admission_error{got.error()}};
  if (const auto admitted = admit(std::span<const owned_fd>{got->descriptors}, agreed); !admitted) {
    detail::run_closer together;
    for (owned_fd& one : got->descriptors) together.add(one.release());
    return std::unexpected{record_admission_error{{admitted.error().code}, admitted.error()}};
  }
  return *got;
}

result<void> record_channel::shutdown_send() noexcept {
  if (auto flushed = flush(); !flushed) return flushed;
  return state_->socket().shutdown_send();
}

}  // namespace scm::inline v0_1
