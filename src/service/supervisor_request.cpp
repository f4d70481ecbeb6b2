#include "service/supervisor_request.hpp"

#include "core/os_error.hpp"

#include <scm/core/control_view.hpp>

#include <linux/audit.h>
#include <sys/syscall.h>

#include <array>
#include <span>

namespace scm::inline v0_1::detail {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t own_kind = AUDIT_ARCH_X86_64, narrow_kind = AUDIT_ARCH_I386;
#elif defined(__aarch64__)
constexpr std::uint32_t own_kind = AUDIT_ARCH_AARCH64, narrow_kind = 0;
#elif defined(__i386__)
constexpr std::uint32_t own_kind = 0, narrow_kind = AUDIT_ARCH_I386;
#else
constexpr std::uint32_t own_kind = 0, narrow_kind = 0;
#endif

// Numbers of i386, and of its socketcall(2), linux/net.h.
namespace i386 {
constexpr int socketcall = 102, recvmmsg = 337, sendmmsg = 345, sendmsg = 370, recvmsg = 372, recvmmsg_time64 = 417;
constexpr std::uint32_t sub_sendmsg = 16, sub_recvmsg = 17, sub_recvmmsg = 19, sub_sendmmsg = 20;
}  // namespace i386

call_request message_of(message_use use, abi layout, std::span<const std::uint64_t> arguments) noexcept {
  call_request made;
  made.use = use;
  made.layout = layout;
  made.descriptor = static_cast<int>(static_cast<std::uint32_t>(arguments[0]));
  made.address = arguments[1];
  made.flags = static_cast<std::uint32_t>(arguments[2]);
  return made;
}

call_request batch_of(message_use use, abi layout, time_layout times,
                      std::span<const std::uint64_t> arguments) noexcept {
  call_request made;
  made.use = use;
  made.batch = true;
  made.layout = layout;
  made.descriptor = static_cast<int>(static_cast<std::uint32_t>(arguments[0]));
  made.address = arguments[1];
  made.count = static_cast<std::uint32_t>(arguments[2]);
  made.flags = static_cast<std::uint32_t>(arguments[3]);
  if (use == message_use::receive) made.timeout = arguments[4];
  made.timeout_layout = times;
  return made;
}

result<call_request> of_socketcall(std::span<const std::uint64_t> arguments, foreign_memory& memory) noexcept {
  const auto which = static_cast<std::uint32_t>(arguments[0]);
  std::size_t count = 0;
  switch (which) {
    case i386::sub_sendmsg:
    case i386::sub_recvmsg:
      count = 3;
      break;
    case i386::sub_sendmmsg:
      count = 4;
      break;
    case i386::sub_recvmmsg:
      count = 5;
      break;
    default:
      return os_failure(ENOSYS);
  }
  std::array<std::byte, 5 * 4> bytes{};
  const foreign_source source{arguments[1], std::span{bytes}.first(4 * count)};
  const auto got = memory.read({&source, 1});
  if (!got) return std::unexpected{got.error()};
  if (*got < 4 * count) return os_failure(EFAULT);
  std::array<std::uint64_t, 5> words{};
  for (std::size_t i = 0; i != count; ++i) words[i] = load<std::uint32_t>(bytes, 4 * i);
  const auto use = which == i386::sub_sendmsg || which == i386::sub_sendmmsg ? message_use::send : message_use::receive;
  if (count == 3) return message_of(use, abi::ilp32, words);
  return batch_of(use, abi::ilp32, time_layout::ilp32, words);
}

result<call_request> of_narrow(const seccomp_data& call, std::span<const std::uint64_t> arguments,
                               foreign_memory& memory) noexcept {
  using enum message_use;
  switch (call.nr) {
    case i386::socketcall:
      return of_socketcall(arguments, memory);
    case i386::sendmsg:
      return message_of(send, abi::ilp32, arguments);
    case i386::recvmsg:
      return message_of(receive, abi::ilp32, arguments);
    case i386::sendmmsg:
      return batch_of(send, abi::ilp32, time_layout::ilp32, arguments);
    case i386::recvmmsg:
      return batch_of(receive, abi::ilp32, time_layout::ilp32, arguments);
    case i386::recvmmsg_time64:
      return batch_of(receive, abi::ilp32, time_layout::time64, arguments);
    default:
      return os_failure(ENOSYS);
  }
}

}  // namespace

result<call_request> request_of(const seccomp_data& call, foreign_memory& memory) noexcept {
  std::array<std::uint64_t, 6> arguments{};
  for (std::size_t i = 0; i != arguments.size(); ++i) arguments[i] = call.args[i];
  if (narrow_kind != 0 && call.arch == narrow_kind) {
    for (auto& one : arguments) one = static_cast<std::uint32_t>(one);
    return of_narrow(call, arguments, memory);
  }
#if !defined(__i386__)
  if (own_kind != 0 && call.arch == own_kind) {
    // The kernel keeps the flag of its own compatibility calls for itself (kernel fact H4).
    switch (call.nr) {
      case SYS_sendmsg:
        return message_of(message_use::send, abi::lp64, arguments);
      case SYS_recvmsg:
        return message_of(message_use::receive, abi::lp64, arguments);
      case SYS_sendmmsg:
        return batch_of(message_use::send, abi::lp64, time_layout::lp64, arguments);
      case SYS_recvmmsg:
        return batch_of(message_use::receive, abi::lp64, time_layout::lp64, arguments);
      default:
        break;
    }
  }
#endif
  return os_failure(ENOSYS);
}

}  // namespace scm::inline v0_1::detail
