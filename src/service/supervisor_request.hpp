/// What a supervised program asked for, out of the numbers of a system call.
#pragma once

#include <scm/core/cmsg.hpp>
#include <scm/foreign/layout.hpp>
#include <scm/foreign/memory.hpp>
#include <scm/foreign/message.hpp>

#include <linux/seccomp.h>

#include <cstdint>

namespace scm::inline v0_1::detail {

/// The arguments of a message call, of whichever kind it was.
struct call_request {
  message_use use = message_use::send;
  bool batch = false;  ///< sendmmsg(2), recvmmsg(2): `count` messages, and a timeout.
  abi layout = abi::native;
  int descriptor = -1;
  std::uint32_t flags = 0;
  std::uint64_t address = 0;  ///< Of the msghdr, or of the array of mmsghdr.
  std::uint32_t count = 1;
  std::uint64_t timeout = 0;  ///< Where it is; 0 for none.
  time_layout timeout_layout = time_layout::lp64;
};

/// Errors: ENOSYS for a call that is none of ours; EFAULT where the arguments of socketcall(2) cannot be read; those of
/// `memory`.
[[nodiscard]] result<call_request> request_of(const seccomp_data& call, foreign_memory& memory) noexcept;

}  // namespace scm::inline v0_1::detail
