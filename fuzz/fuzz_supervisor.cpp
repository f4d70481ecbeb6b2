// A supervised call, against a kernel and a program that do what they like: it comes to an answer that is one; what was
// denied is neither sent nor installed, and what is sent was judged, byte for byte, whatever memory says afterwards;
// each descriptor that comes out of a socket is installed at most once, and none is left open.
//
// Input: the call, the kind of socket, what is queued, the message in the program's memory, and then what happens.
#include "check.hpp"
#include "service/supervisor_call.hpp"
#include "supervisor/fake_kernel.hpp"

#include <scm/fuzz/input.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace {

using scm::abi;
using scm::message_use;
using scm::test::fake_kernel;

constexpr std::uint64_t base = 0x10000;
constexpr std::size_t arena_size = 0x4000;

// Memory of which a byte changes with each look at it, where the input says so.
class shifting_memory final : public scm::foreign_memory {
 public:
  shifting_memory(scm::foreign_memory& behind, std::span<std::byte> bytes, scm::fuzz::input& from)
      : behind_{&behind}, bytes_{bytes}, from_{&from} {}
  scm::result<std::size_t> read(std::span<const scm::foreign_source> parts) noexcept override {
    const auto got = behind_->read(parts);
    const auto how = from_->take<std::uint8_t>();
    if (how >= 192) bytes_[from_->take<std::uint16_t>() % bytes_.size()] = std::byte{from_->take<std::uint8_t>()};
    if (how == 191) return std::unexpected{std::error_code{ESRCH, std::system_category()}};
    return got;
  }
  scm::result<std::size_t> write(std::span<const scm::foreign_target> parts) noexcept override {
    const auto how = from_->take<std::uint8_t>();
    if (how == 191) return std::unexpected{std::error_code{ESRCH, std::system_category()}};
    if (how == 190) return 0;
    return behind_->write(parts);
  }

 private:
  scm::foreign_memory* behind_;
  std::span<std::byte> bytes_;
  scm::fuzz::input* from_;
};

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

int lowest_free() {
  const int number = ::fcntl(0, F_DUPFD_CLOEXEC, 3);
  if (number >= 0) ::close(number);
  return number;
}

// Fields that are mostly right.
void lay_out(scm::fuzz::input& from, abi layout, std::span<std::byte> memory, std::size_t messages) {
  const auto step = scm::message_layout_of(layout).batch_header;
  for (std::size_t i = 0; i != messages; ++i) {
    const auto shape = from.take<std::uint8_t>();
    const std::uint64_t area = base + 0x400 + i * 0x400;
    const std::size_t control = from.take<std::uint8_t>();
    const scm::foreign_header fields{.name = (shape & 1) != 0 ? area + 0x300 : 0,
                                     .name_size = static_cast<std::int8_t>(from.take<std::uint8_t>()),
                                     .buffers = (shape & 2) != 0 ? from.take<std::uint16_t>() : area,
                                     .buffer_count = static_cast<std::uint64_t>(shape >> 6),
                                     .control = (shape & 4) != 0 ? area + 0x200 : 0,
                                     .control_size = control,
                                     .flags = from.take<std::uint8_t>()};
    (void)scm::encode_header(fields, layout, memory.subspan(i * step));
    for (std::size_t n = 0; n != fields.buffer_count; ++n) {
      const scm::foreign_buffer buffer{area + 0x80 + n * 0x20, from.take<std::uint8_t>()};
      (void)scm::encode_buffer(buffer, layout, memory.subspan(0x400 + i * 0x400 + n * 16));
    }
    if ((shape & 8) != 0) {
      scm::control_buffer rights{layout};
      const std::vector<std::byte> numbers(std::size_t{4} * (from.take<std::uint8_t>() % 8));
      (void)rights.append(SOL_SOCKET, SCM_RIGHTS, numbers);
      std::ranges::copy(rights.bytes(), memory.subspan(0x600 + i * 0x400).begin());
    }
    const auto payload = from.take_bytes(from.take<std::uint8_t>() % 64);
    std::ranges::copy(payload, memory.subspan(0x480 + i * 0x400).begin());
  }
}

void check_call(scm::fuzz::input& from) {
  const auto shape = from.take<std::uint8_t>();
  const abi layout = (shape & 1) != 0 ? abi::ilp32 : abi::lp64;
  const message_use use = (shape & 2) != 0 ? message_use::send : message_use::receive;
  std::vector<std::byte> memory(arena_size);
  const auto hole = from.take<std::uint8_t>();
  const std::size_t split = hole < 128 ? arena_size : std::size_t{hole} * 64;
  const std::array<scm::memory_image::segment, 2> segments{
      {{base, std::span{memory}.first(split)}, {base + split, std::span{memory}.subspan(split), (hole & 1) != 0}}};
  fake_kernel kernel{segments};
  scm::memory_image image{segments};
  shifting_memory shifting{image, memory, from};
  kernel.instead = &shifting;
  kernel.type = std::array{SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM, SOCK_STREAM}[shape >> 3 & 3];
  kernel.blocking = (shape & 32) != 0;
  kernel.lowest = from.take<std::uint8_t>() % 16;
  kernel.room = from.take<std::uint8_t>();
  kernel.table_room = from.take<std::uint8_t>() % 16;
  kernel.ended = (shape & 64) != 0;
  if ((shape & 128) != 0) kernel.limit = std::chrono::milliseconds{from.take<std::uint8_t>()};
  const auto queue = [&] {
    const auto size = from.take<std::uint8_t>() % 64U;
    kernel.queued.push_back({text_of(from.take_bytes(size)), from.take<std::uint8_t>() % 8U,
                             std::string(from.take<std::uint8_t>() % 16U, 'n')});
  };
  for (int i = from.take<std::uint8_t>() % 4; i != 0; --i) queue();

  scm::detail::call_request asked{.use = use, .layout = layout, .descriptor = 3, .address = base};
  asked.batch = (shape & 4) != 0;
  asked.flags = from.take<std::uint32_t>();
  asked.count = asked.batch ? from.take<std::uint8_t>() : 1;
  asked.timeout_layout = layout == abi::lp64 ? scm::time_layout::lp64 : scm::time_layout::ilp32;
  if (asked.batch && use == message_use::receive && (from.take<std::uint8_t>() & 1) != 0) asked.timeout = base + 0x3000;
  lay_out(from, layout, memory, 3);

  kernel.trouble = [&](const char*) -> int {
    const auto what = from.take<std::uint8_t>();
    constexpr int errors[]{EAGAIN, EBADF, EPERM, ESRCH, ENOMEM, EPIPE, ENOENT, EFAULT};
    return what >= 248 ? errors[what - 248] : 0;
  };
  kernel.is_valid = [&] { return from.take<std::uint8_t>() != 255; };

  // The desk is large, and used again: what is in it from before must not matter.
  static scm::detail::supervised_desk desk;
  static const bool ready = desk.rights.reserve(253) && desk.pidfds.reserve(4);
  FUZZ_CHECK(ready);
  std::vector<std::string> allowed;
  std::size_t allowed_descriptors = 0;
  desk.judge = [&](const scm::supervised_message& message) {
    FUZZ_CHECK(message.use == use);
    for (const scm::borrowed_fd one : message.descriptors) FUZZ_CHECK(::fcntl(one.native_handle(), F_GETFD) >= 0);
    const std::string payload = text_of(message.payload);
    const auto verdict = [](auto what) { return scm::message_verdict{.what = what}; };
    using enum scm::message_verdict::action;
    if (payload.starts_with('D')) return verdict(deny);
    allowed.push_back(payload);
    if (payload.starts_with('S')) return verdict(strip);
    if (payload.starts_with('K')) {
      allowed.pop_back();
      return verdict(kill);
    }
    FUZZ_CHECK(message.fitting <= message.descriptors.size());
    allowed_descriptors += message.fitting;
    return verdict(allow);
  };

  scm::detail::supervised_call call{asked, desk};
  bool answered = false;
  for (int step = 0; step != 24 && !answered; ++step) {
    const auto next = call.advance(kernel);
    if (!next.waits()) {
      FUZZ_CHECK(next.answer >= -4095 && next.answer <= 1 << 20 && next.answer != -512);
      answered = true;
      break;
    }
    FUZZ_CHECK((use == message_use::send || next.what != scm::detail::call_step::next::writable) &&
               (use == message_use::receive || next.what != scm::detail::call_step::next::readable));
    FUZZ_CHECK(next.until >= kernel.clock);
    const auto event = from.take<std::uint8_t>();
    if (event < 32) {
      const bool restart = (event & 1) != 0;
      const auto answer = call.interrupted(kernel, restart);
      FUZZ_CHECK(answer >= -4095 && (answer != -512 || (restart && !kernel.limit)));
      answered = true;
    } else if (event < 128) {
      queue();
      kernel.room += event;
    } else {
      kernel.clock += std::chrono::milliseconds{event};
    }
  }
  FUZZ_CHECK(!kernel.twice);
  FUZZ_CHECK(kernel.installed <= (use == message_use::receive ? allowed_descriptors : 0));
  if (use == message_use::receive) FUZZ_CHECK(kernel.sent.empty());
  for (const auto& one : kernel.sent) {
    const bool judged = std::ranges::any_of(allowed, [&](const std::string& whole) {
      return kernel.type == SOCK_STREAM ? whole.starts_with(one.bytes) : whole == one.bytes;
    });
    // A stream goes on in pieces that nobody is asked about, without descriptors.
    FUZZ_CHECK(judged || (kernel.type == SOCK_STREAM && one.descriptors == 0 && !allowed.empty()));
    FUZZ_CHECK(one.descriptors == 0 || !one.bytes.starts_with('S'));
  }
  desk.judge = nullptr;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int before = lowest_free();
  {
    scm::fuzz::input from{{data, size}};
    check_call(from);
  }
  FUZZ_CHECK(lowest_free() == before);
  return 0;
}
