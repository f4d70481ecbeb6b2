#include "service/tracer_calls.hpp"

#include "core/os_error.hpp"

#include <scm/core/control_view.hpp>

#include <linux/audit.h>
#include <linux/net.h>
#include <sys/syscall.h>

#include <algorithm>

namespace scm::inline v0_1 {

std::string_view name_of(message_call call) noexcept {
  switch (call) {
    case message_call::recvmsg:
      return "recvmsg";
    case message_call::sendmmsg:
      return "sendmmsg";
    case message_call::recvmmsg:
      return "recvmmsg";
    case message_call::sendmsg:
      break;
  }
  return "sendmsg";
}

namespace detail {
namespace {

struct known {
  std::uint64_t number;
  message_call call;
};

// The machine's own. A 32-bit build of this library traces 32-bit programs alone.
#if defined(__x86_64__)
constexpr std::uint32_t own_machine = AUDIT_ARCH_X86_64;
#elif defined(__i386__)
constexpr std::uint32_t own_machine = AUDIT_ARCH_I386;
#elif defined(__aarch64__)
constexpr std::uint32_t own_machine = AUDIT_ARCH_AARCH64;
#elif defined(__riscv)
constexpr std::uint32_t own_machine = AUDIT_ARCH_RISCV64;
#else
constexpr std::uint32_t own_machine = 0;
#endif
constexpr known of_this_machine[] = {{SYS_sendmsg, message_call::sendmsg},
                                     {SYS_recvmsg, message_call::recvmsg},
                                     {SYS_sendmmsg, message_call::sendmmsg},
                                     {SYS_recvmmsg, message_call::recvmmsg}};

// arch/x86/entry/syscalls/syscall_32.tbl
constexpr known of_i386[] = {{370, message_call::sendmsg},
                             {372, message_call::recvmsg},
                             {345, message_call::sendmmsg},
                             {337, message_call::recvmmsg},
                             {417, message_call::recvmmsg}};  // recvmmsg_time64
constexpr std::uint64_t i386_socketcall = 102;
constexpr known socketcalls[] = {{SYS_SENDMSG, message_call::sendmsg},
                                 {SYS_RECVMSG, message_call::recvmsg},
                                 {SYS_SENDMMSG, message_call::sendmmsg},
                                 {SYS_RECVMMSG, message_call::recvmmsg}};

call_asked from(message_call call, abi layout, std::span<const std::uint64_t, 6> arguments) noexcept {
  const bool many = call == message_call::sendmmsg || call == message_call::recvmmsg;
  call_asked asked{call, layout, static_cast<int>(static_cast<std::uint32_t>(arguments[0])), arguments[1]};
  // The kernel silently does so many, and no more.
  if (many) asked.count = std::min(static_cast<std::uint32_t>(arguments[2]), std::uint32_t{limits::messages_per_batch});
  asked.flags = static_cast<std::uint32_t>(arguments[many ? 3 : 2]);
  return asked;
}

result<call_asked> by_socketcall(message_call call, std::uint64_t address, foreign_memory& memory) noexcept {
  std::array<std::byte, 4 * sizeof(std::uint32_t)> bytes{};
  const bool many = call == message_call::sendmmsg || call == message_call::recvmmsg;
  const std::size_t wanted = (many ? 4U : 3U) * sizeof(std::uint32_t);  // recvmmsg's timeout is not looked at
  const foreign_source source{address, std::span{bytes}.first(wanted)};
  const auto got = memory.read({&source, 1});
  if (!got) return std::unexpected{got.error()};
  if (*got != wanted) return os_failure(EFAULT);
  std::array<std::uint64_t, 6> arguments{};
  for (std::size_t i = 0; i != wanted / sizeof(std::uint32_t); ++i) {
    arguments[i] = load<std::uint32_t>(bytes, i * sizeof(std::uint32_t));
  }
  return from(call, abi::ilp32, arguments);
}

}  // namespace

result<call_asked> asked_by(const call_numbers& numbers, foreign_memory& memory) noexcept {
  if (numbers.machine == own_machine) {
    for (const known& one : of_this_machine) {
      if (one.number == numbers.number) return from(one.call, abi::native, numbers.arguments);
    }
  }
  if (numbers.machine == AUDIT_ARCH_I386) {
    for (const known& one : of_i386) {
      if (one.number == numbers.number) return from(one.call, abi::ilp32, numbers.arguments);
    }
    for (const known& one : socketcalls) {
      if (numbers.number == i386_socketcall && one.number == (numbers.arguments[0] & 0xffffffffU)) {
        return by_socketcall(one.call, numbers.arguments[1] & 0xffffffffU, memory);
      }
    }
  }
  return std::unexpected{make_error_code(errc::unsupported)};
}

}  // namespace detail
}  // namespace scm::inline v0_1
