// Another process's messages: the verdict, and everything that is read, are those of a model that looks at one byte at
// a time; no byte is read twice, and one that changes once it was read changes nothing; an answer is written as the
// model writes it; structures come back from bytes as they went; control data keeps its messages from one layout to the
// other.
//
// Input: where memory lies and where it has holes, a header, buffers, control data, room, and bytes to change.
#include "check.hpp"

#include <scm/core/control_items.hpp>
#include <scm/foreign.hpp>
#include <scm/fuzz/input.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace {

using scm::abi;
using bytes = std::span<const std::byte>;

// An address that knows when it is past the last one.
struct wide_number {
  bool past = false;
  std::uint64_t low;

  wide_number(std::uint64_t number) : low{number} {}
  wide_number(bool wrapped, std::uint64_t number) : past{wrapped}, low{number} {}
  friend wide_number operator+(wide_number a, std::uint64_t more) {
    return {a.past || a.low + more < a.low, a.low + more};
  }
  friend auto operator<=>(const wide_number&, const wide_number&) = default;
};

constexpr std::size_t arena_size = 0x6000;

// --- what there is ---------------------------------------------------------------------------------------------------

// One range of addresses, each byte of which is there or not.
struct world {
  std::uint64_t base = 0;
  std::vector<std::byte> memory = std::vector<std::byte>(arena_size);
  struct hole {
    std::size_t first, end;
  };
  std::vector<hole> holes{};  // in any order

  [[nodiscard]] std::optional<std::size_t> index(wide_number address) const {
    if (address.past || address.low < base || address.low - base >= arena_size) return {};
    const auto at = static_cast<std::size_t>(address.low - base);
    for (const hole& one : holes) {
      if (at >= one.first && at < one.end) return {};
    }
    return at;
  }
  void put(std::uint64_t address, bytes from) {
    for (std::size_t i = 0; i != from.size(); ++i) {
      const std::uint64_t at = address + i;
      if (at >= base && at - base < arena_size) memory[static_cast<std::size_t>(at - base)] = from[i];
    }
  }
};

// The same as an image, which counts what is read and turns it over.
class restless_image final : public scm::foreign_memory {
 public:
  restless_image(const world& from, bool restless) : world_{&from}, restless_{restless}, reads_(arena_size) {
    auto holes = from.holes;
    holes.push_back({arena_size, arena_size});
    std::ranges::sort(holes, {}, &world::hole::first);
    std::size_t start = 0;
    for (const auto& hole : holes) {
      if (start < hole.first) {
        // Of its very size, so that a sanitizer sees each access past it.
        auto& copy = copies_.emplace_back(new std::byte[hole.first - start]);
        std::copy_n(from.memory.data() + start, hole.first - start, copy.get());
        segments_.push_back({from.base + start, {copy.get(), hole.first - start}});
      }
      start = std::max(start, hole.end);
    }
  }
  scm::result<std::size_t> read(std::span<const scm::foreign_source> parts) noexcept override {
    ++calls;
    const auto got = scm::memory_image{segments_}.read(parts);
    for (const auto& part : parts) {
      asked += part.into.size();
      for (std::size_t i = 0; i != part.into.size(); ++i) {
        const auto at = world_->index(wide_number{part.address} + i);
        if (!at) continue;
        most_reads = std::max(most_reads, ++reads_[*at]);
        if (restless_) byte_at(part.address + i) ^= std::byte{0x5a};
      }
    }
    return got;
  }
  scm::result<std::size_t> write(std::span<const scm::foreign_target> parts) noexcept override {
    return scm::memory_image{segments_}.write(parts);
  }
  [[nodiscard]] bool same_as(const world& other) const {
    return std::ranges::all_of(segments_, [&](const auto& one) {
      const auto start = static_cast<std::size_t>(one.address - other.base);
      return std::ranges::equal(one.bytes, bytes{other.memory}.subspan(start, one.bytes.size()));
    });
  }

  int calls = 0;
  int most_reads = 0;  // of one byte
  std::size_t asked = 0;

 private:
  std::byte& byte_at(std::uint64_t address) {
    for (const auto& one : segments_) {
      const std::uint64_t at = address - one.address;
      if (at < one.bytes.size()) return one.bytes[static_cast<std::size_t>(at)];
    }
    std::abort();
  }

  const world* world_;
  bool restless_;
  std::vector<int> reads_;
  std::vector<std::unique_ptr<std::byte[]>> copies_;
  std::vector<scm::memory_image::segment> segments_;
};

// --- the model: one byte at a time, numbers of 128 bits --------------------------------------------------------------

struct modelled {
  int number = 0;  // the errno
  std::vector<std::byte> name, control;
  std::vector<scm::foreign_buffer> buffers;
  std::uint64_t total = 0;
  scm::foreign_header header;
  bool overlap = false;
};

class model {
 public:
  model(const world& of, abi layout) : world_{of}, word_{layout == abi::lp64 ? 8U : 4U} {}

  modelled read(std::uint64_t at, bool sent) const {
    modelled out;
    if (!all(at, word_ == 8 ? 56 : 28)) return failed(out, EFAULT);
    // Each field is a word, but for the name's length and the flags, which in 64 bits have padding behind them.
    const auto field = [&](unsigned nth) { return *value(wide_number{at} + nth * word_, word_); };
    const auto half = [&](unsigned nth) {
      return static_cast<std::uint32_t>(*value(wide_number{at} + nth * word_, 4));
    };
    out.header = {field(0), static_cast<std::int32_t>(half(1)), field(2), field(3), field(4), field(5), half(6)};
    const auto& header = out.header;
    note(at, word_ == 8 ? 56 : 28);

    std::uint64_t name = 0;
    if (header.name != 0) {
      if (header.name_size < 0) return failed(out, EINVAL);
      if (sent) name = std::min<std::uint64_t>(static_cast<std::uint64_t>(header.name_size), 128);
    }
    note(header.name, name);
    if (header.buffer_count <= 1024) note(header.buffers, header.buffer_count * 2 * word_);
    if (sent && header.control_size <= scm::limits::foreign_control_bytes) note(header.control, header.control_size);
    out.overlap = overlap();

    if (!all(header.name, name)) return failed(out, EFAULT);
    if (header.buffer_count > 1024) return failed(out, EMSGSIZE);
    if (!all(header.buffers, header.buffer_count * 2 * word_)) return failed(out, EFAULT);
    for (std::uint64_t i = 0; i != header.buffer_count; ++i) {
      const wide_number one = wide_number{header.buffers} + i * 2 * word_;
      out.buffers.push_back({*value(one, word_), *value(one + word_, word_)});
      if (out.buffers.back().size >> (8 * word_ - 1) != 0) return failed(out, EINVAL);
    }
    constexpr std::uint64_t most = 0x7ffff000;
    if (out.buffers.size() == 1) out.buffers[0].size = std::min(out.buffers[0].size, most);
    for (auto& buffer : out.buffers) {
      if (wide_number{buffer.address} + buffer.size > wide_number{std::uint64_t{1} << 63}) return failed(out, EFAULT);
      buffer.size = std::min(buffer.size, most - out.total);
      out.total += buffer.size;
    }
    if (sent) {
      if (const int number = control(header); number != 0) return failed(out, number);
      out.control = *copied(header.control, header.control_size);
    }
    out.name = *copied(header.name, name);
    return out;
  }

  // What is in the buffers, up to `room` bytes or the first that is not there.
  std::vector<std::byte> payload(const modelled& of, std::size_t room) const {
    std::vector<std::byte> out;
    for (const auto& buffer : of.buffers) {
      for (std::uint64_t i = 0; i != buffer.size; ++i) {
        if (out.size() == room) return out;
        const auto at = world_.index(wide_number{buffer.address} + i);
        if (!at) return out;
        out.push_back(world_.memory[*at]);
      }
    }
    return out;
  }

  // The kernel's pass over 32-bit control data, which it does not copy first. Right: nothing; else the errno.
  int control(const scm::foreign_header& header) const {
    const std::uint64_t size = header.control_size;
    if (size > INT_MAX) return ENOBUFS;
    if (word_ == 8) {
      if (size > (10U << 20)) return ENOBUFS;
      return all(header.control, size) ? 0 : EFAULT;
    }
    if (size == 0) return 0;
    if (header.control == 0 || size < 12) return EINVAL;
    if (size > (10U << 20)) return ENOMEM;
    std::uint64_t at = 0;
    do {
      // At the end of what is there a part of a length is as good as none; past the end of all it is wrong in any case.
      const bool readable = all(wide_number{header.control} + at, std::min<std::uint64_t>(4, size - at));
      if (!readable) return EFAULT;
      if (size - at < 4) return all(header.control, size) ? EINVAL : EFAULT;
      const std::uint64_t length = *value(wide_number{header.control} + at, 4);
      // What cannot be read of it is not looked at before all lengths are.
      if (size - at < 12 || length < 12 || length > size - at) return seen_in_order(header, at, EINVAL);
      at += (length + 3) / 4 * 4;
    } while (at < size);
    return all(header.control, size) ? 0 : EFAULT;
  }

 private:
  // The copy here ends at the first byte that is missing, so that a wrong length behind a hole is not seen.
  int seen_in_order(const scm::foreign_header& header, std::uint64_t at, int number) const {
    return all(header.control, std::min(at + 4, header.control_size)) ? number : EFAULT;
  }
  static modelled& failed(modelled& out, int number) {
    out.number = number;
    return out;
  }
  bool all(wide_number at, std::uint64_t size) const {
    if (size > arena_size) return false;
    for (std::uint64_t i = 0; i != size; ++i) {
      if (!world_.index(at + i)) return false;
    }
    return true;
  }
  std::optional<std::uint64_t> value(wide_number at, unsigned width) const {
    std::uint64_t out = 0;
    for (unsigned i = width; i-- != 0;) {
      const auto byte = world_.index(at + i);
      if (!byte) return {};
      out = out << 8 | std::to_integer<std::uint64_t>(world_.memory[*byte]);
    }
    return out;
  }
  std::optional<std::vector<std::byte>> copied(std::uint64_t at, std::uint64_t size) const {
    std::vector<std::byte> out;
    for (std::uint64_t i = 0; i != size; ++i) {
      const auto byte = world_.index(wide_number{at} + i);
      if (!byte) return {};
      out.push_back(world_.memory[*byte]);
    }
    return out;
  }

  struct range {
    wide_number first, end;
  };
  void note(std::uint64_t at, std::uint64_t size) const {
    if (size != 0) noted_.push_back({at, wide_number{at} + size});
  }
  bool overlap() const {
    for (const auto& a : noted_) {
      for (const auto& b : noted_) {
        if (&a != &b && a.first < b.end && b.first < a.end) return true;
      }
    }
    return false;
  }

  const world& world_;
  unsigned word_;
  mutable std::vector<range> noted_;
};

// --- the input -------------------------------------------------------------------------------------------------------

class program {
 public:
  explicit program(std::span<const std::uint8_t> from) : in_{from} {
    const auto shape = in_.take<std::uint8_t>();
    layout = (shape & 1) != 0 ? abi::ilp32 : abi::lp64;
    sent = (shape & 2) == 0;
    constexpr std::uint64_t bases[] = {0x10000, (std::uint64_t{1} << 32) - arena_size,
                                       (std::uint64_t{1} << 63) - arena_size / 2, 0 - std::uint64_t{arena_size}};
    of.base = bases[shape >> 2 & (layout == abi::lp64 ? 3 : 1)];
    for (unsigned holes = shape >> 4 & 3; holes != 0; --holes) {
      const std::size_t start = in_.take<std::uint16_t>() % arena_size;
      const std::size_t size = in_.take<std::uint16_t>() % (arena_size - start);
      of.holes.push_back({start, start + size});
    }
    header_at = of.base + in_.take<std::uint16_t>() % arena_size;
    header.name = place();
    header.name_size = static_cast<std::int32_t>(size());
    header.buffers = place();
    header.buffer_count = size();
    header.control = place();
    header.control_size = size();
    header.flags = in_.take<std::uint32_t>();
    if (layout == abi::ilp32) {
      for (auto* field : {&header.name, &header.buffers, &header.buffer_count, &header.control, &header.control_size}) {
        *field &= 0xffffffff;
      }
    }

    for (unsigned i = 0, count = in_.take<std::uint16_t>() % 1100; i != count; ++i) {
      scm::foreign_buffer buffer{place(), size()};
      if (layout == abi::ilp32) buffer = {buffer.address & 0xffffffff, buffer.size & 0xffffffff};
      std::array<std::byte, 16> raw{};
      FUZZ_CHECK(encode_buffer(buffer, layout, raw));
      FUZZ_CHECK(decode_buffer(raw, layout) == buffer);
      const std::size_t width = layout == abi::lp64 ? 16 : 8;
      of.put(header.buffers + i * width, bytes{raw}.first(width));
    }
    const auto control_size = in_.take<std::uint16_t>();
    control = in_.take_bytes(control_size % 2048);
    of.put(header.control, control);
    std::array<std::byte, 56> raw{};
    FUZZ_CHECK(encode_header(header, layout, raw));
    FUZZ_CHECK(decode_header(raw, layout) == header);
    of.put(header_at, bytes{raw}.first(layout == abi::lp64 ? 56 : 28));
    payload_room = in_.take<std::uint16_t>() % 4096;
    control_room = in_.take<std::uint8_t>();
    name_size = in_.take<std::uint8_t>() % 129;
    while (!in_.empty()) {
      const std::size_t at = in_.take<std::uint16_t>() % arena_size;
      of.memory[at] = in_.take<std::byte>();
    }
  }

  world of;
  abi layout;
  bool sent;
  std::uint64_t header_at;
  scm::foreign_header header;
  bytes control;
  std::size_t payload_room, control_room, name_size;

 private:
  // In memory, past its end, nowhere, or at the end of all addresses.
  std::uint64_t place() {
    const auto value = in_.take<std::uint16_t>();
    if (value < 0x8000) return of.base + value;
    if (value < 0x9000) return value & 8U;
    return ~std::uint64_t{0} - (value & 0xfff);
  }
  std::uint64_t size() {
    constexpr std::uint64_t one = 1;
    constexpr std::uint64_t edges[] = {1024,
                                       1025,
                                       INT_MAX,
                                       one << 31,
                                       UINT_MAX,
                                       one << 32,
                                       (one << 32) + 1,
                                       (one << 63) - 1,
                                       one << 63,
                                       ~std::uint64_t{0},
                                       10U << 20,
                                       (10U << 20) + 1,
                                       0x7ffff000,
                                       0x7ffff001,
                                       128,
                                       0x7fffefff};
    const auto value = in_.take<std::uint16_t>();
    return value < 0xf000 ? value : edges[value & 15];
  }

  scm::fuzz::input in_;
};

// --- what must hold --------------------------------------------------------------------------------------------------

void check_answer(const program& in, const modelled& wanted, const scm::foreign_message& message) {
  // A receive's: its parts in the kernel's order, up to the first byte that is not there.
  world after = in.of;
  restless_image image{in.of, false};
  const std::vector<std::byte> payload(in.payload_room, std::byte{0x11});
  const auto control_room = std::min<std::uint64_t>(in.control_room, message.control_room());
  const std::vector<std::byte> control(static_cast<std::size_t>(control_room), std::byte{0x22});
  const std::vector<std::byte> name(in.name_size, std::byte{0x33});
  bool whole = true;
  const auto write = [&](wide_number at, bytes from) {
    for (std::size_t i = 0; i != from.size() && whole; ++i) {
      const auto index = after.index(at + i);
      whole = index.has_value();
      if (index) after.memory[*index] = from[i];
    }
  };
  const auto write_number = [&](unsigned nth_word, std::uint64_t value, unsigned width) {
    const unsigned word = in.layout == abi::lp64 ? 8 : 4;
    std::array<std::byte, 8> raw{};
    for (unsigned i = 0; i != width; ++i) raw[i] = static_cast<std::byte>(value >> 8 * i);
    write(wide_number{in.header_at} + nth_word * word, bytes{raw}.first(width));
  };
  std::size_t done = 0;
  for (const auto& buffer : wanted.buffers) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size, payload.size() - done));
    write(buffer.address, bytes{payload}.subspan(done, size));
    done += size;
  }
  write(wanted.header.control, control);
  if (wanted.header.name != 0) {
    write(wanted.header.name,
          bytes{name}.first(std::min(name.size(), static_cast<std::size_t>(wanted.header.name_size))));
    write_number(1, name.size(), 4);
  }
  write_number(6, 0x44444444, 4);
  write_number(5, control.size(), in.layout == abi::lp64 ? 8 : 4);
  write_number(7, 0x55, 4);

  const auto written = message.write_back(
      image, {.payload = payload, .control = control, .name = name, .flags = 0x44444444, .length = 0x55});
  FUZZ_CHECK(written.has_value() == whole);
  if (!written) FUZZ_CHECK(written.error() == std::error_code(EFAULT, std::system_category()));
  FUZZ_CHECK(image.same_as(after));
}

void check_message(const program& in) {
  const modelled wanted = model{in.of, in.layout}.read(in.header_at, in.sent);
  restless_image image{in.of, !wanted.overlap};
  const auto use = in.sent ? scm::message_use::send : scm::message_use::receive;
  const auto got = scm::foreign_message::read(image, in.header_at, in.layout, use);

  FUZZ_CHECK(image.calls <= 2);
  FUZZ_CHECK(wanted.overlap || image.most_reads <= 1);
  FUZZ_CHECK(image.asked <= 56 + 128 + 1024 * 16 + scm::limits::foreign_control_bytes);
  FUZZ_CHECK(got.has_value() == (wanted.number == 0));
  if (!got) {
    FUZZ_CHECK(got.error() == std::error_code(wanted.number, std::system_category()));
    return;
  }
  FUZZ_CHECK(got->header() == wanted.header);
  FUZZ_CHECK(std::ranges::equal(got->buffers(), wanted.buffers));
  FUZZ_CHECK(got->payload_size() == wanted.total);
  FUZZ_CHECK(std::ranges::equal(got->name(), wanted.name));
  FUZZ_CHECK(std::ranges::equal(got->control(), wanted.control));

  std::vector<std::byte> payload(in.payload_room);
  restless_image still{in.of, false};
  const auto size = got->read_payload(still, payload);
  FUZZ_CHECK(size.has_value());
  FUZZ_CHECK(still.calls <= 1);
  FUZZ_CHECK(std::ranges::equal(bytes{payload}.first(*size), model(in.of, in.layout).payload(wanted, in.payload_room)));
  if (!in.sent) check_answer(in, wanted, *got);
}

// The same messages, whatever the layout.
bool same_messages(bytes a, abi layout_of_a, bytes b, abi layout_of_b) {
  scm::control_view left{a, layout_of_a}, right{b, layout_of_b};
  for (;;) {
    const auto one = left.next();
    const auto other = right.next();
    if (!one || !other) return !one && !other;
    if (one->level != other->level || one->type != other->type) return false;
    if (!std::ranges::equal(one->payload, other->payload)) return false;
  }
}

void check_conversion(const program& in) {
  for (const abi from : {abi::lp64, abi::ilp32}) {
    const abi to = from == abi::lp64 ? abi::ilp32 : abi::lp64;
    const auto there = scm::convert_sent_control(in.control, from, to);
    if (!there) {
      FUZZ_CHECK(there.error() == std::error_code(EINVAL, std::system_category()));
      continue;
    }
    FUZZ_CHECK(same_messages(in.control, from, there->bytes(), to));
    const auto back = scm::convert_sent_control(there->bytes(), to, from);
    FUZZ_CHECK(back.has_value());
    FUZZ_CHECK(same_messages(in.control, from, back->bytes(), from));
  }
}

// put_cmsg() and scm_detach_fds() once more, with nothing but what is left.
void check_placing(const program& in) {
  scm::control_placer placer{in.layout, in.control_room};
  const std::size_t header = in.layout == abi::lp64 ? 16 : 12, unit = in.layout == abi::lp64 ? 8 : 4;
  std::size_t left = in.control_room;
  bool cut = false;
  std::vector<std::size_t> payloads;
  scm::control_view walk{in.control};
  while (const auto item = walk.next()) {
    std::size_t whole = item->payload.size();
    const bool socket = item->level == 1;
    if (socket && item->type == 1) whole = whole / 4 * 4;
    if (socket && in.layout == abi::ilp32 && abi::native == abi::lp64) {
      if ((item->type == 29 || item->type == 35) && whole == 16) whole = 8;
      if (item->type == 37 && whole == 48) whole = 24;
    }
    if (socket && in.layout == abi::lp64 && abi::native == abi::ilp32) {
      if ((item->type == 29 || item->type == 35) && whole == 8) whole = 16;
      if (item->type == 37 && whole == 24) whole = 48;
    }
    std::optional<std::size_t> fits;
    if (left >= header) fits = std::min(whole, left - header);
    if (fits && socket && item->type == 1) fits = *fits / 4 * 4;
    if (fits && socket && item->type == 1 && *fits == 0) fits.reset();
    if (fits && socket && item->type == 4 && *fits != whole) fits.reset();
    const bool none = socket && item->type == 1 && whole == 0;
    if (!placer.put(*item)) return;  // more than 253 descriptors
    if (none) continue;
    if (!fits || *fits != whole) cut = true;
    if (!fits) continue;
    payloads.push_back(*fits);
    left -= std::min(left, (header + *fits + unit - 1) / unit * unit);
  }
  FUZZ_CHECK(placer.cut() == cut);
  FUZZ_CHECK(placer.bytes().size() == in.control_room - left);
  scm::control_view placed{placer.bytes(), in.layout};
  for (const std::size_t size : payloads) {
    const auto item = placed.next();
    FUZZ_CHECK(item && item->payload.size() == size);
  }
  FUZZ_CHECK(!placed.next() && !placed.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const program in{{data, size}};
  check_message(in);
  check_conversion(in);
  check_placing(in);
  return 0;
}
