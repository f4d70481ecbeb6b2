#include "service/supervisor_receive.hpp"

#include "core/os_error.hpp"

#include <scm/core/control_items.hpp>

#include <algorithm>
#include <array>

namespace scm::inline v0_1::detail {
namespace {

constexpr std::uint64_t page = 4096;  // the smallest that a processor has

using probe_bytes = boost::container::small_vector<std::byte, 96>;
template <class Part>
using probe_parts = boost::container::small_vector<Part, 24>;

// The first byte of a range, and of each page that it reaches.
template <class Call>
void each_page(std::uint64_t address, std::uint64_t size, Call call) {
  if (size == 0) return;
  call(address);
  std::uint64_t next = (address | (page - 1)) + 1;
  while (next > address && next - address < size) {  // a range that wraps around is found out at the wrap
    call(next);
    next += page;
    if (next == 0) break;
  }
}

bool rewrite(foreign_memory& memory, std::uint64_t address) noexcept {
  std::byte byte{};
  const foreign_source from{address, {&byte, 1}};
  const auto got = memory.read({&from, 1});
  if (!got || *got != 1) return false;
  const foreign_target to{address, {&byte, 1}};
  const auto put = memory.write({&to, 1});
  return put && *put == 1;
}

// How many bytes from `address` on can be written.
std::uint64_t writable_prefix(foreign_memory& memory, std::uint64_t address, std::uint64_t size) noexcept {
  std::uint64_t good = size;
  bool whole = true;
  each_page(address, size, [&](std::uint64_t at) {
    if (!whole) return;
    whole = rewrite(memory, at);
    if (!whole) good = at - address;
  });
  if (whole && size != 0 && address + (size - 1) < address) return 0 - address;
  return good;
}

// The parts of the buffers that hold `size` bytes from `offset` on.
template <class Call>
void each_range(std::span<const foreign_buffer> buffers, std::uint64_t offset, std::uint64_t size, Call call) {
  for (const foreign_buffer& buffer : buffers) {
    if (size == 0) return;
    if (offset >= buffer.size) {
      offset -= buffer.size;
      continue;
    }
    const std::uint64_t part = std::min(buffer.size - offset, size);
    call(buffer.address + offset, part);
    size -= part;
    offset = 0;
  }
}

std::uint64_t name_room(const foreign_header& header) noexcept {
  if (header.name == 0 || header.name_size < 0) return 0;
  return std::min<std::uint64_t>(static_cast<std::uint64_t>(header.name_size), limits::foreign_name_bytes);
}

static_assert(sizeof(credentials) == 12);  // as struct ucred

template <class Value>
std::span<const std::byte> bytes_of(const Value& value, std::size_t size = sizeof(Value)) noexcept {
  return std::as_bytes(std::span{&value, 1}).first(size);
}

}  // namespace

// With the values that were just read: the kernel is about to write others.
bool receiving::write_header_as_it_is(foreign_memory& memory) const noexcept {
  const foreign_header& header = message_.header();
  const message_layout at = message_layout_of(message_.layout());
  const auto narrow = static_cast<std::uint32_t>(header.control_size);
  const foreign_target parts[]{
      {address_ + at.flags, bytes_of(header.flags)},
      {address_ + at.control_size, message_.layout() == abi::lp64 ? bytes_of(header.control_size) : bytes_of(narrow)},
      {address_ + at.name_size, bytes_of(header.name_size, header.name == 0 ? 0 : sizeof header.name_size)}};
  std::size_t sum = 0;
  for (const auto& part : parts) sum += part.from.size();
  const auto written = memory.write(parts);
  return written && *written == sum;
}

// Before anything is taken out of the socket. 0, or an errno.
int receiving::prove_writable(foreign_memory& memory, bool payload, std::size_t size) noexcept {
  const foreign_header& header = message_.header();
  const std::uint64_t control = std::min<std::uint64_t>(message_.control_room(), supervised_control);
  control_room_ = control_writable_ = message_.control_room();
  writable_ = size;
  probe_parts<std::uint64_t> places;
  probe_bytes bytes;
  probe_parts<foreign_source> sources;
  probe_parts<foreign_target> targets;
  const message_layout at = message_layout_of(message_.layout());
  const auto narrow = static_cast<std::uint32_t>(header.control_size);
  std::size_t sum = 0;
  try {
    const auto add = [&](std::uint64_t place) { places.push_back(place); };
    if (payload) {
      each_range(message_.buffers(), done_, size,
                 [&](std::uint64_t address, std::uint64_t part) { each_page(address, part, add); });
    }
    each_page(header.control, control, add);
    each_page(header.name, name_room(header), add);
    if (batch_) each_page(address_ + at.batch_length, sizeof(std::uint32_t), add);
    bytes.resize(places.size());
    for (std::size_t i = 0; i != places.size(); ++i) {
      sources.push_back({places[i], std::span{bytes.data() + i, 1}});
      targets.push_back({places[i], std::span{bytes.data() + i, 1}});
    }
    targets.push_back({address_ + at.flags, bytes_of(header.flags)});
    targets.push_back({address_ + at.control_size,
                       message_.layout() == abi::lp64 ? bytes_of(header.control_size) : bytes_of(narrow)});
    if (header.name != 0) targets.push_back({address_ + at.name_size, bytes_of(header.name_size)});
  } catch (...) {
    return ENOMEM;
  }
  for (const auto& part : targets) sum += part.from.size();
  if (!places.empty()) {
    const auto got = memory.read({sources.data(), sources.size()});
    if (!got) return number_of_error(got.error());
    if (*got != places.size()) return prove_each(memory, payload, size);
  }
  const auto put = memory.write({targets.data(), targets.size()});
  if (!put) return number_of_error(put.error());
  return *put == sum ? 0 : prove_each(memory, payload, size);
}

// Something cannot be written: which it is decides whether that is an error, a smaller room or nothing.
int receiving::prove_each(foreign_memory& memory, bool payload, std::size_t size) noexcept {
  const foreign_header& header = message_.header();
  if (!write_header_as_it_is(memory)) return EFAULT;
  const std::uint64_t name = name_room(header);
  if (writable_prefix(memory, header.name, name) != name) return EFAULT;
  if (batch_ && !rewrite(memory, address_ + message_layout_of(message_.layout()).batch_length)) return EFAULT;
  const std::uint64_t control = std::min<std::uint64_t>(message_.control_room(), supervised_control);
  const std::uint64_t good = writable_prefix(memory, header.control, control);
  if (good != control) control_writable_ = good;
  if (!payload) return 0;
  std::uint64_t sum = 0;
  bool whole = true;
  each_range(message_.buffers(), done_, size, [&](std::uint64_t address, std::uint64_t part) {
    if (!whole) return;
    const std::uint64_t prefix = writable_prefix(memory, address, part);
    sum += prefix;
    whole = prefix == part;
  });
  writable_ = static_cast<std::size_t>(sum);
  return 0;
}

int receiving::write_payload(supervised_kernel& kernel, std::span<const std::byte> payload) noexcept {
  if (payload.empty()) return 0;
  if (!kernel.valid()) return ESRCH;
  probe_parts<foreign_target> parts;
  try {
    each_range(message_.buffers(), done_, payload.size(), [&](std::uint64_t address, std::uint64_t size) {
      parts.push_back({address, payload.first(static_cast<std::size_t>(size))});
      payload = payload.subspan(static_cast<std::size_t>(size));
    });
  } catch (...) {
    return ENOMEM;
  }
  std::size_t sum = 0;
  for (const auto& part : parts) sum += part.from.size();
  const auto written = kernel.memory().write({parts.data(), parts.size()});
  if (!written) return number_of_error(written.error());
  return *written == sum ? 0 : EFAULT;
}

// Whether a payload can be written behind what is there already. What cannot is left out, and only of descriptors does
// the kernel say so (kernel facts B9, B10).
bool receiving::writable_after(const control_placer& placer, std::size_t payload) const noexcept {
  const std::size_t used = placer.bytes().size();
  const std::size_t room = static_cast<std::size_t>(std::min<std::uint64_t>(control_room_, supervised_control));
  const std::size_t needed = std::min(cmsg_len(payload, message_.layout()), room - std::min(room, used));
  return used + needed <= control_writable_;
}

// Of a stream's receive the first piece's counts.
std::span<const std::byte> receiving::first_control(const piece& last) const noexcept {
  return done_ != 0 ? std::span<const std::byte>{first_control_.data(), first_control_.size()} : last.control;
}

// All but descriptors, in the kernel's order: what is queued behind the message comes last of all. False without
// memory.
bool receiving::put_others(supervised_kernel& kernel, control_placer& placer, std::span<const std::byte> control,
                           bool queued_bytes) const noexcept {
  control_view walk{control};
  while (const auto message = walk.next()) {
    const control_kind kind = kind_of(*message);
    if (kind == control_kind::rights || kind == control_kind::pidfd) continue;
    if ((kind == control_kind::queued_bytes) != queued_bytes) continue;
    if (!writable_after(placer, message->payload.size())) continue;
    const auto sender =
        kind == control_kind::credentials ? as_credentials(*message) : result<credentials, parse_error>{std::unexpect};
    if (!sender) {
      if (!placer.put(*message)) return false;
      continue;
    }
    const credentials seen = kernel.seen_there(*sender);
    control_message told = *message;
    told.payload = std::as_bytes(std::span{&seen, 1});
    if (!placer.put(told)) return false;
  }
  return true;
}

// How many descriptors can be put behind what is there.
std::size_t receiving::fitting(const control_placer& placer, std::size_t descriptors) const noexcept {
  std::size_t fit = std::min({descriptors, placer.descriptors_that_fit(), limits::descriptors_per_message});
  while (fit != 0 && !writable_after(placer, sizeof(std::int32_t) * fit)) --fit;
  return fit;
}

// For the judge, who is asked before anything is put anywhere.
std::size_t receiving::fitting(supervised_kernel& kernel, const supervised_desk& desk,
                               const piece& last) const noexcept {
  if (desk.rights.empty()) return 0;
  control_placer trial{message_.layout(), control_room_};
  const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(control_room_, desk.control.size()));
  // Without memory nobody knows. What does not fit is closed, and the program told, whatever is said here.
  if (!trial.reserve(room) || !put_others(kernel, trial, first_control(last), false)) return desk.rights.size();
  return fitting(trial, desk.rights.size());
}

// Puts descriptors into the program's table, as many as fit into the room and the table, and says which they are.
int receiving::install(supervised_kernel& kernel, supervised_desk& desk, bool close_on_exec,
                       const message_verdict& verdict, control_placer& placer, const piece& last, bool& cut) noexcept {
  const bool rights = !desk.rights.empty();
  if (rights) {
    std::array<std::int32_t, limits::descriptors_per_message> numbers{};
    std::size_t installed = 0;
    const bool strip = verdict.what == message_verdict::action::strip;
    const std::size_t fit = strip ? 0 : fitting(placer, desk.rights.size());
    while (installed != fit) {
      const auto put =
          kernel.install(desk.rights[installed], close_on_exec || verdict.close_on_exec, verdict.scattered);
      if (!put) {
        const int number = number_of_error(put.error());
        if (number == ENOENT || number == ESRCH) return number;  // nobody is there any more
        break;
      }
      numbers[installed++] = *put;
      ++desk.statistics.descriptors_in;
    }
    cut = installed != desk.rights.size();
    if (installed != 0 &&
        !placer.put({SOL_SOCKET, SCM_RIGHTS, std::as_bytes(std::span{numbers}.first(installed)), 0, abi::native})) {
      return ENOMEM;
    }
  }
  descriptor_list& pidfds = done_ != 0 ? first_pidfds_ : desk.pidfds;
  control_view walk{first_control(last)};
  std::size_t next = 0;
  while (const auto message = walk.next()) {
    if (kind_of(*message) != control_kind::pidfd) continue;
    // A pidfd that could not be made is a negative errno in its place (kernel fact E9), and so is one that has no
    // number in the program's table.
    const auto made = as_pidfd(*message);
    if (!made) continue;
    std::int32_t number = *made;
    const borrowed_fd ours = pidfds[next++];
    if (!writable_after(placer, sizeof number)) continue;
    if (number >= 0 && placer.descriptors_that_fit() != 0) {
      const auto put = kernel.install(ours, true, false);
      if (put) ++desk.statistics.descriptors_in;
      number = put ? *put : -number_of_error(put.error());
    }
    if (!placer.put({message->level, message->type, std::as_bytes(std::span{&number, 1}), 0, abi::native})) {
      return ENOMEM;
    }
  }
  return 0;
}

// In the kernel's order: payload, other control data, descriptors, and then the header, which can be written.
entry_outcome receiving::hand_over(supervised_kernel& kernel, supervised_desk& desk, std::uint32_t flags,
                                   const message_verdict& verdict, control_placer& placer, const piece& last) noexcept {
  std::span<const std::byte> payload = last.payload;
  const bool descriptors = !desk.rights.empty() || !desk.pidfds.empty() || !first_pidfds_.empty();
  if (descriptors || done_ != 0) {
    if (const int fault = write_payload(kernel, payload); fault != 0) return entry_outcome::failure(fault);
    payload = {};
  }
  const auto first = first_control(last);
  const auto name = done_ != 0 ? std::span<const std::byte>{first_name_.data(), first_name_.size()} : last.name;
  bool cut = false;
  if (!put_others(kernel, placer, first, false)) return entry_outcome::failure(ENOMEM);
  if (descriptors) {
    const bool close_on_exec = (flags & MSG_CMSG_CLOEXEC) != 0;
    if (const int fault = install(kernel, desk, close_on_exec, verdict, placer, last, cut); fault != 0) {
      return entry_outcome::failure(fault);
    }
  }
  const auto queued = last.control.empty() ? first : last.control;
  if (!put_others(kernel, placer, queued, true)) return entry_outcome::failure(ENOMEM);

  foreign_answer answer;
  answer.payload = payload;
  answer.control = placer.bytes();
  answer.name = name;
  answer.flags = last.flags | (cut || placer.cut() ? std::uint32_t{MSG_CTRUNC} : 0);
  const std::size_t whole = done_ + last.returned;
  if (batch_) answer.length = static_cast<std::uint32_t>(whole);
  if (!kernel.valid()) return entry_outcome::failure(ESRCH);
  if (const auto written = message_.write_back(kernel.memory(), answer); !written) {
    return entry_outcome::failure(number_of_error(written.error()));
  }
  return entry_outcome::done(whole, (last.flags & MSG_OOB) != 0);
}

}  // namespace scm::inline v0_1::detail
