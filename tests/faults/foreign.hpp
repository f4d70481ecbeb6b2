// Scenarios of another process's messages: read from its memory and answered there.
#pragma once

#include "support/scenario.hpp"

#include <scm/foreign.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace scm::test {

// A message of this process's own, which can be read as anybody's: so many buffers of four bytes, and control data that
// any socket skips.
struct own_message {
  explicit own_message(std::size_t count = 1, std::size_t control_size = 64)
      : buffers(count, {bytes.data(), bytes.size()}), control(control_size) {
    cmsghdr whole{};
    whole.cmsg_len = control_size;
    whole.cmsg_level = 99;
    std::memcpy(control.data(), &whole, sizeof whole);
    header() = {nullptr, 0, buffers.data(), buffers.size(), control.data(), control.size(), 0};
  }
  own_message(const own_message&) = delete;
  own_message& operator=(const own_message&) = delete;

  std::array<std::byte, 4> bytes{};
  std::vector<iovec> buffers;
  std::vector<std::byte> control;
  mmsghdr entry{};

  [[nodiscard]] std::uint64_t address() const { return reinterpret_cast<std::uintptr_t>(&entry); }
  [[nodiscard]] msghdr& header() { return entry.msg_hdr; }
};

// What a supervisor does with a message, but for the call itself: the answer is that it was cut.
inline std::error_code carried_out(const own_message& of) {
  process_memory memory{::getpid()};
  const auto sent = foreign_message::read(memory, of.address(), abi::native, message_use::send);
  if (!sent) return sent.error();
  std::array<std::byte, 1024> room;
  const auto size = sent->read_payload(memory, room);
  if (!size) return size.error();
  if (*size != sent->payload_size()) return {EFAULT, std::system_category()};
  const auto converted = convert_sent_control(sent->control(), abi::native, abi::ilp32);
  if (!converted) return converted.error();
  control_placer placer{abi::native, sent->control_room()};
  control_view walk{sent->control()};
  while (const auto item = walk.next()) {
    if (const auto placed = placer.put(*item); !placed) return placed.error();
  }
  return code_of(sent->write_back(
      memory, {.payload = std::span{room}.first(*size), .control = placer.bytes(), .flags = MSG_CTRUNC}));
}

inline scenario carrying_out(const char* name, std::size_t buffers, std::size_t control) {
  return {name, [=](const ordeal& run) {
            own_message message{buffers, control};
            const auto code = run([&] { return carried_out(message); });
            CHECK(message.header().msg_flags == (code ? 0 : MSG_CTRUNC));
            return code;
          }};
}

inline std::vector<scenario> scenarios_of_foreign() {
  return {carrying_out("a message is read from a process and answered there", 1, 64),
          carrying_out("a message of many buffers is read from a process and answered there", 200, 1000)};
}

}  // namespace scm::test
