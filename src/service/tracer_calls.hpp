/// Which message call a stopped thread is about to make, from its numbers.
#pragma once

#include <scm/foreign/memory.hpp>
#include <scm/service/tracer_call.hpp>

#include <array>
#include <cstdint>

namespace scm::inline v0_1::detail {

/// A call as its filter sees it: seccomp_data.
struct call_numbers {
  std::uint32_t machine = 0;  ///< AUDIT_ARCH_*
  std::uint64_t number = 0;
  std::array<std::uint64_t, 6> arguments{};
};

struct call_asked {
  message_call call{};
  abi layout{};
  int socket = -1;
  std::uint64_t header = 0;  ///< Address of a msghdr, or of an array of mmsghdr.
  std::uint32_t count = 1;   ///< Of that array.
  std::uint32_t flags = 0;
};

/// What is asked. Arguments of socketcall(2) are read from where they are. Errors: `unsupported` for any other call;
/// EFAULT for arguments that are not there, those of `memory`.
[[nodiscard]] result<call_asked> asked_by(const call_numbers& numbers, foreign_memory& memory) noexcept;

}  // namespace scm::inline v0_1::detail
