/// A filter that asks about messages: sendmsg(2), recvmsg(2), sendmmsg(2), recvmmsg(2), 64-bit and 32-bit.
///
/// This is of scm::seccomp, which alone needs libseccomp.
#pragma once

#include <scm/process/system_calls.hpp>
#include <scm/process/watched.hpp>

#include <vector>

namespace scm::inline v0_1 {

/// The filter, for `spawn_watched`. It asks about the four calls of the machine's own kind and, on x86-64, about those
/// of i386: by socketcall(2), where only these four of its calls are asked about, and both recvmmsg, with 32-bit and
/// with 64-bit times. Everything else is let through, but with a listener, who is to see all messages: x32 calls and
/// those of any other kind fail with ENOSYS, and io_uring_setup(2), whose messages no filter sees.
///
/// Errors: `filter_step::build`, memory; `unsupported` on a machine that libseccomp does not know.
[[nodiscard]] SCM_API result<std::vector<sock_filter>, filter_error> message_filter(call_watcher by) noexcept;

}  // namespace scm::inline v0_1
