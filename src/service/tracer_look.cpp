#include "service/tracer_look.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "core/uapi.hpp"
#include "inspect/fdinfo.hpp"
#include "inspect/socket_details.hpp"
#include "service/tracer_memory.hpp"

#include <scm/core/control_items.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>

namespace scm::inline v0_1::detail {
namespace {

constexpr std::size_t first_control_bytes = 4096;

std::size_t stride_of(const call_asked& asked) noexcept {
  const auto layout = message_layout_of(asked.layout);
  const bool many = asked.call == message_call::sendmmsg || asked.call == message_call::recvmmsg;
  return many ? layout.batch_header : layout.header;
}

socket_name name_in(std::span<const std::byte> bytes) noexcept {
  sockaddr_storage name{};
  std::memcpy(&name, bytes.data(), std::min(bytes.size(), sizeof name));
  if (bytes.size() < sizeof name.ss_family) return {};
  return decode_socket_name(name, static_cast<socklen_t>(bytes.size()));
}

traced_call::outcome outcome_of(std::int64_t returned) noexcept {
  constexpr std::int64_t first_restart = 512, last_restart = 516;  // linux/errno.h: never seen by a program
  if (returned >= 0) return traced_call::outcome::returned;
  const bool restart = -returned >= first_restart && -returned <= last_restart;
  return restart ? traced_call::outcome::interrupted : traced_call::outcome::failed;
}

}  // namespace

result<owned_fd> foreign_thread::fetch(int number) noexcept {
  if (!handle_) {
    handle_.reset(sys::pidfd_open(number_, uapi::pidfd_thread));
    // Before Linux 6.9 there are none of threads: that of the process has the same table, unless it has unshared it.
    if (!handle_ && errno == EINVAL) handle_.reset(sys::pidfd_open(process(), 0));
    if (!handle_) return os_failure();
  }
  owned_fd fetched{sys::pidfd_getfd(handle_.native_handle(), number)};
  if (!fetched) return os_failure();
  return fetched;
}

pid_t foreign_thread::process() noexcept {
  if (process_ != 0) return process_;
  process_ = number_;
  std::array<char, 32> path{};
  fmt::format_to_n(path.data(), path.size() - 1, "/proc/{}/status", number_);
  const owned_fd file{sys::open(path.data(), O_RDONLY | O_CLOEXEC)};
  std::array<char, limits::fdinfo_bytes> text;
  const ssize_t size = file ? sys::read(file.native_handle(), text.data(), text.size()) : -1;
  if (size > 0) {
    process_ = fdinfo_number<pid_t>({text.data(), static_cast<std::size_t>(size)}, "Tgid").value_or(number_);
  }
  return process_;
}

struct call_looks::room {
  std::size_t descriptors = traced_descriptors;
  std::size_t items = traced_items;
  std::size_t control = traced_control_bytes;
  std::size_t payload;
};

std::unique_ptr<call_in_progress> call_looks::begin(foreign_thread& by, const call_asked& asked, std::string program) {
  auto call = spare_ ? std::move(spare_) : std::make_unique<call_in_progress>();
  *call = {};
  call->asked = asked;
  call->begun = std::chrono::steady_clock::now();
  traced_call& shown = call->shown;
  shown.time = std::chrono::system_clock::now();
  shown.thread = by.number();
  shown.process = by.process();
  shown.program = std::move(program);
  shown.call = asked.call;
  shown.layout = asked.layout;
  shown.flags = asked.flags;
  // A socket that is new can lose its peer during the call, and the bytes of a datagram the file that they go to. One
  // that is known cannot change, and a thread that sends stops at its exit with all that it sent still there.
  if (const message_end* const last = sockets_.likely(shown.process, asked.socket)) {
    call->socket = *last;
    call->likely = true;
  } else {
    see_socket(by, *call);
  }
  if (!is_send(asked.call)) {
    begin_receive(by, *call);
  } else if (!call->likely) {
    begin_sends(by, *call);
  }
  return call;
}

void call_looks::see_socket(foreign_thread& by, call_in_progress& call) {
  const int number = call.asked.socket;
  if (const auto socket = by.fetch(number)) {
    call.socket = sockets_.look(*socket, call.shown.process, number);
  } else if (!call.likely || socket.error() != std::errc::no_such_process) {
    call.socket = {};
    call.socket.socket.number = number;
    call.socket.socket.unseen = socket.error();
  }
  call.shown.socket = call.socket.socket;
}

void call_looks::begin_sends(foreign_thread& by, call_in_progress& call) {
  const call_asked& asked = call.asked;
  traced_call& shown = call.shown;
  room left{.payload = std::max(payload_, compared_bytes)};
  left.payload = std::max(left.payload, std::min(tracer_options::most_payload, left.payload * asked.count));
  for (std::uint32_t i = 0; i != asked.count; ++i) {
    const std::uint64_t at = asked.header + i * stride_of(asked);
    nearby_memory memory{by.memory, at};
    auto message = foreign_message::read(memory, at, asked.layout, message_use::send);
    shown.messages.emplace_back();
    shown.messages.back().number = ++messages_;
    if (!message) {
      shown.messages.back().unseen = message.error();
      break;  // the kernel goes no further either
    }
    if (message->control().size() > left.control) {
      shown.messages.back().unseen = shown.unseen = errc::over_limit;
      break;
    }
    left.control -= message->control().size();
    begin_send(by, memory, call, *message, shown.messages.back(), left);
  }
}

void call_looks::begin_send(foreign_thread& by, foreign_memory& memory, call_in_progress& call,
                            const foreign_message& message, traced_message& shown, room& left) {
  shown.bytes = message.payload_size();
  if (!message.name().empty()) shown.name = name_in(message.name());
  read_control(by, message.control(), message.layout(), false, shown, left);
  shown.payload.resize(std::min({left.payload, std::max(payload_, compared_bytes), message.payload_size()}));
  const auto got = message.read_payload(memory, shown.payload);
  shown.payload.resize(got.value_or(0));
  left.payload -= shown.payload.size();

  sent_message sent{.number = shown.number,
                    .process = call.shown.process,
                    .program = call.shown.program,
                    .from = call.socket,
                    .destination = shown.name,
                    .bytes = shown.bytes,
                    .payload = shown.payload,
                    .descriptors = shown.descriptors};
  sent.from.file.reset();
  const auto* const name = std::get_if<address>(&shown.name);
  if (name != nullptr && name->kind() == address::form::path && call.socket.socket.type == SOCK_DGRAM) {
    sent.from.file = socket_book::file_at(by.number(), *name);
  }
  // Only a datagram socket listens to a destination.
  if (call.socket.socket.type != SOCK_DGRAM) sent.destination = {};
  pairs.sent(std::move(sent));
  shown.payload.resize(std::min(shown.payload.size(), payload_));
}

void call_looks::on_its_way(foreign_thread& by, call_in_progress& call) {
  if (!call.likely) return;
  see_socket(by, call);
  if (is_send(call.asked.call)) begin_sends(by, call);
}

void call_looks::begin_receive(foreign_thread& by, call_in_progress& call) {
  if (call.asked.call == message_call::recvmsg) {
    nearby_memory memory{by.memory, call.asked.header};
    auto message = foreign_message::read(memory, call.asked.header, call.asked.layout, message_use::receive);
    if (message) {
      call.headers.push_back(message->header());
      call.receiving.emplace(std::move(*message));
    } else {
      call.shown.unseen = message.error();
    }
    return;
  }
  const std::size_t stride = stride_of(call.asked);
  std::vector<std::byte> bytes(stride * call.asked.count);
  const foreign_source source{call.asked.header, bytes};
  const auto got = by.memory.read({&source, 1});
  const std::size_t whole = got ? *got / stride : 0;
  if (whole == 0 && call.asked.count != 0) call.shown.unseen = got ? os_error(EFAULT) : got.error();
  for (std::size_t i = 0; i != whole; ++i) {
    call.headers.push_back(decode_header(std::span{bytes}.subspan(i * stride, stride), call.asked.layout));
  }
}

void call_looks::end(foreign_thread& by, call_in_progress& call, std::int64_t returned) {
  traced_call& shown = call.shown;
  shown.took = std::chrono::steady_clock::now() - call.begun;
  shown.ended = outcome_of(returned);
  if (returned >= 0) shown.result = returned;
  if (shown.ended == traced_call::outcome::failed) shown.error = static_cast<int>(-returned);
  const bool passed = shown.ended == traced_call::outcome::returned;
  const bool many = shown.call == message_call::sendmmsg || shown.call == message_call::recvmmsg;
  const std::size_t count = !passed ? 0 : many ? static_cast<std::size_t>(returned) : 1;

  if (is_send(shown.call)) {
    for (std::size_t i = 0; i != shown.messages.size(); ++i) {
      if (i < count && !many) shown.messages[i].bytes = static_cast<std::uint64_t>(returned);
      pairs.ended(shown.messages[i].number, i < count);
    }
    if (count != 0 && count < shown.messages.size()) shown.messages.resize(count);
    return;
  }

  if (count == 0) return;
  // Who it is connected to, and what it is bound to, can be other than at the beginning of a call that waited.
  if (const bool settled = socket_book::is_settled(call.socket.socket); settled) {
    // as it was
  } else if (const auto socket = by.fetch(call.asked.socket)) {
    message_end now = sockets_.look(*socket, shown.process, call.asked.socket);
    if (now.socket.inode == call.socket.socket.inode) call.socket = std::move(now);
    shown.socket = call.socket.socket;
  }
  room left{.payload = std::max(payload_, compared_bytes)};
  left.payload = std::max(left.payload, std::min(tracer_options::most_payload, left.payload * count));
  for (std::size_t i = 0; i < std::min(count, call.headers.size()); ++i) {
    traced_message& one = shown.messages.emplace_back();
    one.number = ++messages_;
    if (!many) one.bytes = static_cast<std::uint64_t>(returned);
    end_receive(by, call, i, one, left);
    if (one.unseen == errc::over_limit) {
      shown.unseen = one.unseen;
      break;
    }
  }
}

void call_looks::end_receive(foreign_thread& by, call_in_progress& call, std::size_t position, traced_message& shown,
                             room& left) {
  const call_asked& asked = call.asked;
  const foreign_header& before = call.headers[position];
  shown.control_room = before.control == 0 ? 0 : before.control_size;
  const auto layout = message_layout_of(asked.layout);
  const std::size_t stride = stride_of(asked);
  const std::uint64_t at = asked.header + position * stride;
  std::optional<foreign_message> read_now;
  if (!call.receiving) {
    nearby_memory memory{by.memory, at};
    if (auto message = foreign_message::read(memory, at, asked.layout, message_use::receive)) {
      read_now.emplace(std::move(*message));
    } else {
      shown.unseen = message.error();
      return;
    }
  }
  const foreign_message& message = call.receiving ? *call.receiving : *read_now;

  // All in one read. How much control data came the header says, which comes with it: a first part is enough for most.
  std::array<std::byte, 64> raw{};
  boost::container::small_vector<foreign_source, 8> parts{{at, std::span{raw}.first(stride)}};
  shown.payload.resize(std::min({left.payload, std::max(payload_, compared_bytes), message.payload_size()}));
  // Behind what came a buffer need not be there.
  if (call.receiving) shown.payload.resize(std::min<std::uint64_t>(shown.payload.size(), shown.bytes));
  std::size_t filled = 0;
  for (const foreign_buffer& one : message.buffers()) {
    const std::size_t size = std::min<std::uint64_t>(one.size, shown.payload.size() - filled);
    if (size != 0) parts.push_back({one.address, std::span{shown.payload}.subspan(filled, size)});
    filled += size;
  }
  std::array<std::byte, limits::foreign_name_bytes> name{};
  const bool named = before.name != 0 && before.name_size > 0;
  const std::size_t name_room = named ? std::min(name.size(), static_cast<std::size_t>(before.name_size)) : 0;
  parts.push_back({before.name, std::span{name}.first(name_room)});
  boost::container::small_vector<std::byte, 128> control(
      std::min<std::uint64_t>(shown.control_room, first_control_bytes));
  parts.push_back({before.control, {control.data(), control.size()}});
  nearby_memory near{by.memory, at};
  const auto got = near.covers(parts) ? near.read(parts) : by.memory.read(parts);
  if (!got || *got < stride + filled) {
    shown.payload.clear();
    shown.unseen = got ? os_error(EFAULT) : got.error();
    return;
  }
  const foreign_header after = decode_header(std::span{raw}.first(stride), asked.layout);
  if (stride == layout.batch_header) shown.bytes = load<std::uint32_t>(raw, layout.batch_length);
  shown.flags = after.flags;
  shown.payload.resize(std::min<std::uint64_t>(shown.payload.size(), shown.bytes));
  left.payload -= shown.payload.size();

  // What was written lies where the call was told to put it, and in no more room than it was given.
  const std::size_t control_size = std::min(shown.control_room, after.control_size);
  if (control_size > left.control) {
    shown.unseen = errc::over_limit;
    return;
  }
  left.control -= control_size;
  const std::size_t control_got = *got - std::min(*got, stride + filled + name_room);
  control.resize(control_size);
  if (control_got < control_size) {
    const foreign_source rest{before.control, {control.data(), control.size()}};
    const auto more = by.memory.read({&rest, 1});
    if (!more || *more != control_size) shown.unseen = more ? os_error(EFAULT) : more.error();
  }
  if (named && after.name_size > 0 && *got >= stride + filled + name_room) {
    shown.name = name_in(std::span{name}.first(std::min(name_room, static_cast<std::size_t>(after.name_size))));
  }
  if (!shown.unseen) {
    read_control(by, {control.data(), control.size()}, asked.layout, (after.flags & MSG_CMSG_CLOEXEC) != 0, shown,
                 left);
  }

  receipt how{.at = call.socket,
              .peeked = (asked.flags & MSG_PEEK) != 0,
              .payload_cut = (after.flags & MSG_TRUNC) != 0,
              .control_cut = (after.flags & MSG_CTRUNC) != 0};
  if (how.control_cut) {
    const auto socket = by.fetch(asked.socket);
    how.asks_for_more = !socket || socket_book::asks_for_more(*socket);
  }
  if (!shown.unseen) pairs.received(shown, how);
  shown.payload.resize(std::min(shown.payload.size(), payload_));
}

void call_looks::abandon(call_in_progress& call) noexcept {
  call.shown.took = std::chrono::steady_clock::now() - call.begun;
  call.shown.ended = traced_call::outcome::unfinished;
  // Whether it was sent nobody knows: whoever receives it will say so.
}

void call_looks::read_control(foreign_thread& by, std::span<const std::byte> control, abi layout, bool close_on_exec,
                              traced_message& into, room& left) {
  control_view walk{control, layout};
  while (const auto message = walk.next()) {
    const control_kind kind = kind_of(*message);
    if (kind == control_kind::rights) {
      const rights_view numbers = as_rights(*message);
      for (std::size_t i = 0; i != numbers.size(); ++i) {
        if (into.descriptors.size() == limits::descriptors_per_message) {
          into.unseen = errc::over_limit;  // the kernel refuses them all
          return;
        }
        into.descriptors.push_back(seen(by, numbers[i], close_on_exec, left));
      }
      continue;
    }
    if (const auto who = kind == control_kind::credentials ? as_credentials(*message)
                                                           : result<credentials, parse_error>{std::unexpect}) {
      into.credentials = *who;
      continue;
    }
    if (left.items == 0) {
      into.unseen = errc::over_limit;
      return;
    }
    --left.items;
    const auto payload = message->payload.first(std::min(message->payload.size(), traced_item_bytes));
    traced_item& item = into.items.emplace_back(
        traced_item{message->level, message->type, message->payload.size(), {payload.begin(), payload.end()}, {}});
    const auto pidfd = kind == control_kind::pidfd ? as_pidfd(*message) : std::unexpected{parse_error{}};
    if (pidfd && *pidfd >= 0) item.process = seen(by, *pidfd, close_on_exec, left).what;
  }
  if (walk.error()) into.unseen = walk.error()->code();
}

traced_descriptor call_looks::seen(foreign_thread& by, int number, bool close_on_exec, room& left) {
  traced_descriptor one;
  one.number = number;
  if (left.descriptors == 0) {
    one.unseen = errc::over_limit;
    return one;
  }
  --left.descriptors;
  const auto fetched = by.fetch(number);
  auto what = fetched ? sockets_.describe(*fetched) : std::unexpected{fetched.error()};
  if (!what) {
    if (what.error() == std::errc::not_enough_memory) throw std::bad_alloc{};
    one.unseen = what.error();
    return one;
  }
  what->close_on_exec = close_on_exec;  // not that of the duplicate
  one.what = std::move(*what);
  return one;
}

}  // namespace scm::inline v0_1::detail
