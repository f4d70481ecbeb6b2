#include "front_end.hpp"

#include <fmt/format.h>

#include <linux/virtio_config.h>

#include <atomic>
#include <cstring>

namespace vhost_user {
namespace {

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }
constexpr std::uint64_t guest_base = 0x100000;  // where the guest sees its memory
constexpr std::uint64_t wanted = bit(VIRTIO_F_VERSION_1) | bit(VIRTIO_RING_F_EVENT_IDX) | bit(VIRTIO_BLK_F_FLUSH);

std::unexpected<std::string> failed(std::string_view doing, const std::error_code& why) {
  return std::unexpected{fmt::format("{}: {}", doing, why.message())};
}

std::uint16_t load(std::uint16_t& at) { return std::atomic_ref{at}.load(std::memory_order_acquire); }
void store(std::uint16_t& at, std::uint16_t value) { std::atomic_ref{at}.store(value, std::memory_order_release); }

}  // namespace

struct front_end::rings {
  std::array<vring_desc, entries> descriptors;
  struct {
    std::uint16_t flags, index;
    std::array<std::uint16_t, entries> entry;
    std::uint16_t used_event;
  } available;
  struct alignas(VRING_USED_ALIGN_SIZE) {
    std::uint16_t flags, index;
    std::array<vring_used_elem, entries> entry;
    std::uint16_t available_event;
  } used;
  struct {
    virtio_blk_outhdr header;
    std::uint8_t status;
  } request[slots];
  alignas(4096) std::array<std::array<std::byte, slot_bytes>, slots> data;
};

front_end::front_end(scm::stream channel, scm::shared_memory memory, scm::event kick, scm::event call)
    : messages_{std::move(channel)},
      memory_{std::move(memory)},
      rings_{reinterpret_cast<rings*>(memory_.writable().data())},
      kick_{std::move(kick)},
      call_{std::move(call)} {}

answer<front_end> front_end::connect(const scm::address& at) {
  auto channel = scm::stream::connect(at, scm::in(patience));
  if (!channel) return failed("connecting", channel.error());
  auto memory = scm::shared_memory::make("guest", sizeof(rings));
  if (!memory) return failed("making memory", memory.error());
  auto kick = scm::event::make();
  auto call = scm::event::make();
  if (!kick || !call) return failed("making events", kick ? call.error() : kick.error());
  front_end made{std::move(*channel), std::move(*memory), std::move(*kick), std::move(*call)};
  if (const auto done = made.negotiate(); !done) return std::unexpected{done.error()};
  if (const auto done = made.set_up_queue(); !done) return std::unexpected{done.error()};
  return made;
}

// --- messages --------------------------------------------------------------------------------------------------------

answer<message> front_end::reply_to(request what) {
  auto got = messages_.receive(0, scm::in(patience));
  if (!got) return std::unexpected{got.error()};
  if (!*got) return std::unexpected{"the back end has left"};
  const header& head = (*got)->head;
  if (head.request != static_cast<std::uint32_t>(what) || head.flags != (version | is_reply)) {
    return std::unexpected{fmt::format("request {} has an answer of another", static_cast<std::uint32_t>(what))};
  }
  return std::move(**got);
}

template <class Body>
answer<> front_end::tell(request what, const Body& body, scm::borrowed_fds files) {
  const bool heard = (protocol_ & protocol::reply_ack) != 0;
  const auto number = static_cast<std::uint32_t>(what);
  const auto sent = messages_.send(number, heard ? need_reply : 0, bytes_of(body), files);
  if (!sent || !heard) return sent;
  const auto got = reply_to(what);
  if (!got) return std::unexpected{got.error()};
  if (got->head.size == sizeof got->body.number && got->body.number == 0) return {};
  return std::unexpected{fmt::format("the back end refuses request {}", number)};
}

answer<std::uint64_t> front_end::number(request what) {
  const auto sent = messages_.send(static_cast<std::uint32_t>(what), 0, {});
  if (!sent) return std::unexpected{sent.error()};
  const auto got = reply_to(what);
  if (!got) return std::unexpected{got.error()};
  if (got->head.size != sizeof got->body.number) return std::unexpected{"a number that is none"};
  return got->body.number;
}

answer<> front_end::negotiate() {
  const auto features = number(request::get_features);
  if (!features) return std::unexpected{features.error()};
  if ((*features & protocol_features) == 0 || (*features & bit(VIRTIO_F_VERSION_1)) == 0) {
    return std::unexpected{"the back end is too old"};
  }
  features_ = *features & (wanted | protocol_features);
  const auto offered = number(request::get_protocol_features);
  if (!offered) return std::unexpected{offered.error()};
  if ((*offered & protocol::config) == 0) return std::unexpected{"the back end tells no configuration"};
  const std::uint64_t chosen = *offered & (protocol::config | protocol::reply_ack);
  if (const auto done = tell(request::set_protocol_features, chosen); !done) return done;
  protocol_ = chosen;
  const auto owned = messages_.send(static_cast<std::uint32_t>(request::set_owner), 0, {});
  if (!owned) return owned;
  if (const auto done = tell(request::set_features, features_); !done) return done;

  // As far as the block size: a back end may know fewer fields than these headers.
  constexpr std::size_t known = offsetof(virtio_blk_config, physical_block_exp);
  const config_space space{.offset = 0, .size = known, .flags = 0, .bytes = {}};
  const auto asked = bytes_of(space).first(config_head + known);
  const auto sent = messages_.send(static_cast<std::uint32_t>(request::get_config), 0, asked);
  if (!sent) return sent;
  const auto got = reply_to(request::get_config);
  if (!got) return std::unexpected{got.error()};
  if (got->head.size < asked.size()) return std::unexpected{"the back end has no configuration"};
  std::memcpy(&config_, got->body.config.bytes.data(), known);
  return {};
}

answer<> front_end::set_up_queue() {
  const auto user = [](const auto& part) { return reinterpret_cast<std::uintptr_t>(&part); };
  memory_table table{.count = 1, .padding = 0, .regions = {}};
  table.regions[0] = {guest_base, memory_.size(), user(*rings_), 0};
  const vring_state size{0, entries}, base{0, 0}, on{0, 1};
  const vring_addresses where{0, 0, user(at().descriptors), user(at().used), user(at().available), 0};
  const std::uint64_t queue = 0;
  // QEMU's table is as long as its count says.
  std::array<std::byte, 8 + sizeof(memory_region)> cut;
  std::memcpy(cut.data(), &table, cut.size());
  if (const auto done = tell(request::set_mem_table, cut, memory_.fd()); !done) return done;
  if (const auto done = tell(request::set_vring_num, size); !done) return done;
  if (const auto done = tell(request::set_vring_base, base); !done) return done;
  if (const auto done = tell(request::set_vring_addr, where); !done) return done;
  if (const auto done = tell(request::set_vring_call, queue, call_.fd()); !done) return done;
  if (const auto done = tell(request::set_vring_kick, queue, kick_.fd()); !done) return done;
  return tell(request::set_vring_enable, on);
}

// --- requests --------------------------------------------------------------------------------------------------------

std::span<std::byte> front_end::data(std::uint16_t slot) { return at().data[slot]; }

void front_end::submit(std::uint16_t slot, std::uint32_t type, std::uint64_t sector, std::size_t bytes) {
  const auto guest = [&](const void* part) {
    return guest_base + static_cast<std::uint64_t>(static_cast<const std::byte*>(part) - memory_.bytes().data());
  };
  auto& asked = at().request[slot];
  asked.header = {type, 0, sector};
  asked.status = 0xff;
  const auto first = static_cast<std::uint16_t>(slot * 3);
  auto* const piece = &at().descriptors[first];
  const std::uint16_t into = type == VIRTIO_BLK_T_OUT ? 0 : VRING_DESC_F_WRITE;
  const bool empty = bytes == 0;
  piece[0] = {guest(&asked.header), sizeof asked.header, VRING_DESC_F_NEXT,
              static_cast<std::uint16_t>(first + (empty ? 2 : 1))};
  piece[1] = {guest(at().data[slot].data()), static_cast<std::uint32_t>(bytes),
              static_cast<std::uint16_t>(into | VRING_DESC_F_NEXT), static_cast<std::uint16_t>(first + 2)};
  piece[2] = {guest(&asked.status), 1, VRING_DESC_F_WRITE, 0};
  at().available.entry[submitted_ % entries] = first;
  store(at().available.index, ++submitted_);
  busy_[slot] = true;
}

answer<> front_end::kick() {
  const std::uint16_t before = std::exchange(told_, submitted_);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  const bool asleep = (features_ & bit(VIRTIO_RING_F_EVENT_IDX)) != 0
                          ? vring_need_event(load(at().used.available_event), submitted_, before) != 0
                          : (load(at().used.flags) & VRING_USED_F_NO_NOTIFY) == 0;
  if (!asleep) return {};
  const auto told = kick_.signal();
  if (!told) return failed("kicking", told.error());
  return {};
}

answer<std::uint16_t> front_end::wait() {
  const auto until = scm::in(patience);
  while (load(at().used.index) == done_) {
    store(at().available.used_event, done_);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (load(at().used.index) != done_) break;
    const auto called = call_.take(until);
    if (!called) return failed("waiting for the back end", called.error());
  }
  const std::uint32_t first = at().used.entry[done_++ % entries].id;
  std::atomic_signal_fence(std::memory_order_seq_cst);  // what is checked is what is used: not read a second time
  const auto slot = static_cast<std::uint16_t>(first / 3);
  if (first % 3 != 0 || first / 3 >= slots || !std::exchange(busy_[slot], false)) {
    return std::unexpected{fmt::format("the back end gives back {}, which it does not have", first)};
  }
  if (const unsigned status = at().request[slot].status; status != VIRTIO_BLK_S_OK) {
    return std::unexpected{status == VIRTIO_BLK_S_UNSUPP ? "the device does not know the request"
                                                         : "the device reports an error"};
  }
  return slot;
}

answer<> front_end::ask(std::uint32_t type, std::uint64_t sector, std::size_t bytes) {
  submit(0, type, sector, bytes);
  if (const auto told = kick(); !told) return told;
  const auto done = wait();
  if (!done) return std::unexpected{done.error()};
  return {};
}

}  // namespace vhost_user
