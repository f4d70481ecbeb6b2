#include <scm/foreign/message.hpp>

#include "core/os_error.hpp"
#include "foreign/control_fault.hpp"

#include <algorithm>
#include <climits>
#include <cstring>

namespace scm::inline v0_1 {
namespace {

using bytes_read = boost::container::small_vector<std::byte, 128>;
template <class Part>
using part_list = boost::container::small_vector<Part, 16>;

// The kernel's half of the addresses: no process's.
constexpr std::uint64_t kernel_half = std::uint64_t{1} << 63;

template <class Container>
result<void> take_room(Container& container, std::size_t size) noexcept {
  try {
    container.resize(size);
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  return {};
}

// What the size of control data that is to be sent says already; 0 when it is worth reading.
int refusal_of_control(const foreign_header& header, abi layout, std::size_t most) noexcept {
  if (header.control_size > INT_MAX) return ENOBUFS;
  if (layout == abi::lp64) return header.control_size > most ? ENOBUFS : 0;
  if (header.control_size == 0) return 0;
  if (header.control == 0 || header.control_size < cmsg_header_size(layout)) return EINVAL;
  return header.control_size > most ? ENOMEM : 0;
}

// Control data of which only `there` bytes could be read, the rest being zeros: for 32 bits the kernel goes from length
// to length, and a wrong one that it comes to first is its answer.
int fault_of_control(std::span<const std::byte> bytes, std::size_t there, abi layout) noexcept {
  const auto malformed = detail::sent_control_fault(bytes, layout);
  const bool seen = malformed && (there == bytes.size() || *malformed + sizeof(std::uint32_t) <= there);
  if (seen) return EINVAL;
  return there == bytes.size() ? 0 : EFAULT;
}

bool is_negative(std::uint64_t size, abi layout) noexcept {
  return layout == abi::lp64 ? size >= kernel_half : size > INT32_MAX;
}

// Lays `payload` out over the buffers, and leaves room for `more` parts.
template <class Part, class Byte>
result<void> scatter(std::span<const foreign_buffer> buffers, std::span<Byte> payload, std::size_t more,
                     part_list<Part>& parts) noexcept {
  try {
    parts.reserve(buffers.size() + more);
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  for (const foreign_buffer& buffer : buffers) {
    if (payload.empty()) break;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size, payload.size()));
    if (size == 0) continue;
    parts.push_back({buffer.address, payload.first(size)});
    payload = payload.subspan(size);
  }
  return {};
}

// Headers and payloads: what pads them stays as it was, as the kernel leaves it.
result<void> scatter_control(std::uint64_t address, std::span<const std::byte> control, abi layout,
                             part_list<foreign_target>& parts) noexcept {
  control_view walk{control, layout};
  std::size_t end = 0;
  const auto add = [&](std::size_t offset, std::size_t size) {
    parts.push_back({address + offset, control.subspan(offset, size)});
    end = offset + size;
  };
  try {
    while (const auto message = walk.next()) add(message->offset, cmsg_len(message->payload.size(), layout));
    if (walk.error() || end == 0) add(end, control.size() - end);  // what is no message is written as it is
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  return {};
}

result<void> write_all(foreign_memory& memory, std::span<const foreign_target> parts) noexcept {
  std::size_t sum = 0;
  for (const foreign_target& part : parts) sum += part.from.size();
  const auto written = memory.write(parts);
  if (!written) return std::unexpected{written.error()};
  if (*written < sum) return detail::os_failure(EFAULT);
  return {};
}

}  // namespace

result<foreign_message> foreign_message::read(foreign_memory& memory, std::uint64_t address, abi layout,
                                              message_use use, std::size_t most_control) noexcept {
  std::array<std::byte, message_layout_of(abi::lp64).header> room;
  const auto bytes = std::span{room}.first(message_layout_of(layout).header);
  const foreign_source whole{address, bytes};
  const auto got = memory.read({&whole, 1});
  if (!got) return std::unexpected{got.error()};
  if (*got < bytes.size()) return detail::os_failure(EFAULT);

  foreign_message made{address, layout, decode_header(bytes, layout)};
  if (const auto rest = made.read_rest(memory, use, std::min(most_control, limits::foreign_control_bytes)); !rest)
    return std::unexpected{rest.error()};
  return made;
}

// Asks for name, buffers and control data together, and judges what came in the order in which the kernel reads it.
result<void> foreign_message::read_rest(foreign_memory& memory, message_use use, std::size_t most_control) noexcept {
  if (header_.name != 0 && header_.name_size < 0) return detail::os_failure(EINVAL);
  const bool sent = use == message_use::send;
  if (sent && header_.name != 0) {
    name_size_ = std::min(static_cast<std::size_t>(header_.name_size), limits::foreign_name_bytes);
  }
  const bool too_many = header_.buffer_count > limits::buffers_per_message;
  const auto count = too_many ? 0 : static_cast<std::size_t>(header_.buffer_count);
  const int refusal = sent && !too_many ? refusal_of_control(header_, layout_, most_control) : 0;
  const auto control_size = sent && !too_many && refusal == 0 ? static_cast<std::size_t>(header_.control_size) : 0;

  bytes_read array;
  if (const auto room = take_room(array, count * 2 * message_layout_of(layout_).word); !room) return room;
  if (const auto room = take_room(buffers_, count); !room) return room;
  if (const auto room = take_room(control_, control_size); !room) return room;

  const foreign_source parts[]{{header_.name, std::span{name_}.first(name_size_)},
                               {header_.buffers, {array.data(), array.size()}},
                               {header_.control, {control_.data(), control_.size()}}};
  std::size_t left = 0;
  if (name_size_ + array.size() + control_.size() != 0) {
    const auto got = memory.read(parts);
    if (!got) return std::unexpected{got.error()};
    left = *got;
  }
  if (left < name_size_) return detail::os_failure(EFAULT);
  left -= name_size_;
  if (too_many) return detail::os_failure(EMSGSIZE);
  if (left < array.size()) return detail::os_failure(EFAULT);
  left -= array.size();
  if (const auto judged = judge_buffers({array.data(), array.size()}); !judged) return judged;
  if (refusal != 0) return detail::os_failure(refusal);
  if (left < control_.size()) std::memset(control_.data() + left, 0, control_.size() - left);
  if (const int fault = fault_of_control(control(), left, layout_); fault != 0) return detail::os_failure(fault);
  return {};
}

// __import_iovec: lengths first, then addresses, cutting what is more than the kernel moves in one call. A single
// buffer is cut before its address is looked at.
result<void> foreign_message::judge_buffers(std::span<const std::byte> array) noexcept {
  const std::size_t step = 2 * message_layout_of(layout_).word;
  for (std::size_t i = 0; i != buffers_.size(); ++i) {
    buffers_[i] = decode_buffer(array.subspan(i * step), layout_);
    if (is_negative(buffers_[i].size, layout_)) return detail::os_failure(EINVAL);
  }
  for (foreign_buffer& buffer : buffers_) {
    const std::uint64_t cut = std::min<std::uint64_t>(buffer.size, limits::foreign_payload_bytes - payload_size_);
    const std::uint64_t looked_at = buffers_.size() == 1 ? cut : buffer.size;
    if (buffer.address > kernel_half || looked_at > kernel_half - buffer.address) return detail::os_failure(EFAULT);
    buffer.size = cut;
    payload_size_ += static_cast<std::size_t>(cut);
  }
  return {};
}

result<std::size_t> foreign_message::read_payload(foreign_memory& memory, std::span<std::byte> into) const noexcept {
  part_list<foreign_source> parts;
  if (const auto room = scatter(buffers(), into, 0, parts); !room) return std::unexpected{room.error()};
  if (parts.empty()) return 0;
  return memory.read({parts.data(), parts.size()});
}

result<void> foreign_message::write_back(foreign_memory& memory, const foreign_answer& answer) const noexcept {
  const message_layout at = message_layout_of(layout_);
  const auto own_bytes = [](const auto& value, std::size_t size) {
    return std::as_bytes(std::span{&value, 1}).first(size);
  };
  const auto name_size = static_cast<std::int32_t>(answer.name.size());
  const std::size_t name_room = header_.name_size < 0 ? 0 : static_cast<std::size_t>(header_.name_size);
  const auto wide = static_cast<std::uint64_t>(answer.control.size());
  const auto narrow = static_cast<std::uint32_t>(answer.control.size());

  part_list<foreign_target> parts;
  if (const auto room = scatter(buffers(), answer.payload, 6, parts); !room) return room;
  if (const auto room = scatter_control(header_.control, answer.control, layout_, parts); !room) return room;
  if (header_.name != 0) {
    parts.push_back({header_.name, answer.name.first(std::min(answer.name.size(), name_room))});
    parts.push_back({address_ + at.name_size, own_bytes(name_size, sizeof name_size)});
  }
  parts.push_back({address_ + at.flags, own_bytes(answer.flags, sizeof answer.flags)});
  parts.push_back({address_ + at.control_size,
                   layout_ == abi::lp64 ? own_bytes(wide, sizeof wide) : own_bytes(narrow, sizeof narrow)});
  if (answer.length) parts.push_back({address_ + at.batch_length, own_bytes(*answer.length, sizeof *answer.length)});
  return write_all(memory, {parts.data(), parts.size()});
}

result<void> foreign_message::write_length(foreign_memory& memory, std::uint32_t sent) const noexcept {
  const foreign_target length{address_ + message_layout_of(layout_).batch_length, std::as_bytes(std::span{&sent, 1})};
  return write_all(memory, {&length, 1});
}

}  // namespace scm::inline v0_1
