#include "session.hpp"

#include <fmt/format.h>

#include <linux/virtio_config.h>
#include <poll.h>

#include <cstring>

namespace vhost_user {
namespace {

constexpr std::uint64_t protocol_offered = protocol::reply_ack | protocol::backend_channel | protocol::config;

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }

std::unexpected<std::string> refused(std::string why) { return std::unexpected{std::move(why)}; }

}  // namespace

std::uint64_t session::offered() const {
  return bit(VIRTIO_F_VERSION_1) | bit(VIRTIO_RING_F_EVENT_IDX) | bit(VIRTIO_RING_F_INDIRECT_DESC) | protocol_features |
         disk_.features();
}

answer<bool> session::handle() {
  auto asked = messages_.receive(most_regions);
  if (!asked) return std::unexpected{asked.error()};
  if (!*asked) return false;
  message& one = **asked;
  if (auto fault = fault_of(one); !fault.empty()) return refused(std::move(fault));

  const auto done = carry_out(one);
  bool answered = done && *done;
  // A refusal is told where the front end asked how it went, and otherwise ends the connection.
  if (!answered && (one.head.flags & need_reply) != 0 && (protocol_ & protocol::reply_ack) != 0) {
    if (!done && log_ != nullptr) fmt::print(log_, "refused: request {}: {}\n", one.head.request, done.error());
    one.head.size = sizeof one.body.number;
    one.body.number = done ? 0 : 1;
    answered = true;
  } else if (!done) {
    return refused(fmt::format("request {}: {}", one.head.request, done.error()));
  }
  if (!answered) return true;
  const auto sent = messages_.send(one.head.request, is_reply, bytes_of(one.body).first(one.head.size));
  if (!sent) return std::unexpected{sent.error()};
  return true;
}

// --- what they ask for -----------------------------------------------------------------------------------------------

answer<bool> session::carry_out(message& asked) {
  const auto what = static_cast<request>(asked.head.request);
  payload& body = asked.body;
  const auto number_is = [&](std::uint64_t number) {
    body.number = number;
    asked.head.size = sizeof body.number;
    return true;
  };
  const auto done = [](const answer<>& how) -> answer<bool> {
    if (!how) return std::unexpected{how.error()};
    return false;
  };
  const bool of_a_queue = what == request::set_vring_num || what == request::set_vring_base ||
                          what == request::get_vring_base || what == request::set_vring_enable;
  if (of_a_queue && body.state.index != 0) return refused(fmt::format("there is no queue {}", body.state.index));
  switch (what) {
    case request::get_features:
      return number_is(offered());
    case request::get_protocol_features:
      return number_is(protocol_offered);
    case request::get_queue_num:
      return number_is(1);
    case request::set_features:
      if ((body.number & ~offered()) != 0) return refused("features that were not offered");
      features_ = body.number;
      queue_.enabled = queue_.enabled || (features_ & protocol_features) == 0;
      return false;
    case request::set_protocol_features:
      if ((body.number & ~protocol_offered) != 0) return refused("protocol features that were not offered");
      protocol_ = body.number;
      return false;
    case request::set_owner:
      return false;
    case request::reset_owner:
      queue_.stop();
      return false;
    case request::set_mem_table:
      return done(set_memory(asked));
    case request::set_vring_num:
      return done(queue_.set_size(body.state.number));
    case request::set_vring_addr:
      return done(set_addresses(body.addresses));
    case request::set_vring_base:
      queue_.next = static_cast<std::uint16_t>(body.state.number);
      return false;
    case request::get_vring_base:
      queue_.stop();
      queue_.kick.reset();
      body.state.number = queue_.next;
      return true;
    case request::set_vring_kick:
    case request::set_vring_call:
    case request::set_vring_err:
      return done(set_event(what, asked));
    case request::set_vring_enable:
      queue_.enabled = more_ = body.state.number != 0;
      return false;
    case request::set_backend_req_fd: {
      auto other = scm::stream::adopt(asked.files.take(0));
      if (!other) return refused(other.error().message());
      back_.emplace(std::move(*other));
      return false;
    }
    case request::get_config:
      get_config(asked);
      return true;
  }
  return refused("not known");
}

answer<> session::set_memory(message& asked) {
  const std::size_t told = 8 + asked.body.memory.count * sizeof(memory_region);
  if (asked.body.memory.count > most_regions || asked.head.size < told) return refused("a table that is cut");
  const bool running = queue_.running();
  queue_.stop();
  memory_ = {};
  auto mapped = guest_memory::map(asked.body.memory, asked.files);
  if (!mapped) return std::unexpected{mapped.error()};
  memory_ = std::move(*mapped);
  return running ? start() : answer<>{};
}

answer<> session::set_addresses(const vring_addresses& addresses) {
  if (addresses.index != 0) return refused(fmt::format("there is no queue {}", addresses.index));
  if (addresses.flags != 0) return refused("a log that was not offered");
  queue_.addresses = addresses;
  return queue_.running() ? start() : answer<>{};
}

answer<> session::set_event(request what, message& asked) {
  const std::uint64_t number = asked.body.number;
  if ((number & ~no_descriptor) != 0) return refused(fmt::format("there is no queue {}", number & ~no_descriptor));
  if (((number & no_descriptor) != 0) != asked.files.empty()) return refused("with, or without, its descriptor");
  std::optional<scm::event> event;
  if (!asked.files.empty()) {
    auto adopted = scm::event::adopt(asked.files.take(0));
    if (!adopted) return refused(std::string{adopted.error().detail().view()});
    event = std::move(*adopted);
  }
  if (what == request::set_vring_call) {
    queue_.call = std::move(event);
    return {};
  }
  if (what == request::set_vring_err) {
    queue_.error = std::move(event);
    return {};
  }
  if (!event) return refused("a queue that would have to be looked at all the time");
  queue_.kick = std::move(event);
  return start();
}

answer<> session::start() {
  more_ = true;  // requests may wait already, of a guest that was kicked before
  return queue_.start(memory_, (features_ & bit(VIRTIO_RING_F_EVENT_IDX)) != 0);
}

// Fields that this device does not have read as zeroes, so that a front end with newer headers is not turned away.
void session::get_config(message& asked) const {
  config_space& space = asked.body.config;
  std::array<std::byte, sizeof space.bytes> all{};
  const virtio_blk_config now = disk_.config();
  std::memcpy(all.data(), &now, sizeof now);
  const std::size_t room = asked.head.size - config_head;
  if (space.size > room || space.offset > all.size() || space.size > all.size() - space.offset) {
    asked.head.size = 0;  // an error, to this request
    return;
  }
  std::memcpy(space.bytes.data(), all.data() + space.offset, space.size);
}

void session::measure() {
  if (!disk_.measure() || !back_ || (protocol_ & protocol::backend_channel) == 0) return;
  const header told{backend_config_change, version, 0};
  (void)back_->try_send(scm::const_buffer{&told, sizeof told});  // a front end that reads nothing is not waited for
}

// --- the queue -------------------------------------------------------------------------------------------------------

void session::serve() {
  if (!queue_.ready()) return;
  if (queue_.kick->take(scm::dont_wait)) more_ = true;
  if (!std::exchange(more_, false)) return;
  const bool write_through = (features_ & bit(VIRTIO_BLK_F_FLUSH)) == 0;
  for (std::uint32_t left = queue_.size(); left != 0; --left) {
    auto asked = queue_.take(memory_);
    if (asked && !*asked) {
      queue_.tell();
      if (!queue_.sleep()) return;
      continue;
    }
    const auto written = asked ? disk_.serve(**asked, write_through) : std::unexpected{asked.error()};
    if (!written) {
      if (log_ != nullptr) fmt::print(log_, "the queue stops: {}\n", written.error());
      queue_.stop();
      if (queue_.error) (void)queue_.error->signal();
      return;
    }
    queue_.give((*asked)->head, *written);
  }
  queue_.tell();
  more_ = true;
}

answer<> session::run(scm::event& stop, scm::event& resized) {
  const auto readable = [](scm::borrowed_fd fd) { return pollfd{fd.native_handle(), POLLIN, 0}; };
  for (;;) {
    const bool ready = queue_.ready();
    pollfd what[] = {readable(stop.fd()), readable(resized.fd()), readable(messages_.fd()),
                     readable(ready ? queue_.kick->fd() : scm::borrowed_fd{-1})};
    if (poll(what, std::size(what), ready && more_ ? 0 : -1) < 0 && errno != EINTR) {
      return refused(std::generic_category().message(errno));
    }
    if (what[0].revents != 0) return {};
    if (what[1].revents != 0 && resized.take(scm::dont_wait)) measure();
    if (what[2].revents != 0) {
      const auto going = handle();
      if (!going) return std::unexpected{going.error()};
      if (!*going) return {};
    }
    if (what[3].revents != 0 || more_) serve();
  }
}

}  // namespace vhost_user
