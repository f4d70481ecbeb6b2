/// How a message is sent and received: the options of one call, and its failures.
#pragma once

#include <scm/core/credentials.hpp>
#include <scm/core/deadline.hpp>
#include <scm/core/result.hpp>
#include <scm/inspect/admission.hpp>

#include <cstddef>
#include <optional>

namespace scm::inline v0_1 {

struct send_options {
  /// Waits until then for room in the peer's queue, and while too many descriptors are in flight. Without a deadline a
  /// send waits for room alone: `too_many_in_flight` is reported at once, since the caller may be who must drain.
  deadline until = no_deadline;
  /// Sent as SCM_CREDENTIALS instead of what the kernel attaches by itself. What it lets a process claim: its own pid
  /// with real, effective or saved ids; with CAP_SYS_ADMIN, CAP_SETUID and CAP_SETGID anybody's (kernel facts E5, E6).
  std::optional<credentials> as{};
};

/// A failed send, and what the kernel took before it failed (streams only: datagrams and seqpacket go whole or not at
/// all). Descriptors are sent with the first byte, so `descriptors_sent` is all of them or 0.
struct send_error {
  std::error_code code;
  std::size_t bytes_sent = 0;
  std::size_t descriptors_sent = 0;

  operator std::error_code() const noexcept { return code; }
  friend bool operator==(const send_error& error, std::error_code other) noexcept { return error.code == other; }
  friend bool operator==(const send_error& error, std::error_condition other) noexcept { return error.code == other; }
};

struct receive_options {
  deadline until = no_deadline;  ///< Waits until then for a message.
  /// Once there is a message, receives nothing, and reports `no_headroom`, unless the descriptor table has free slots
  /// for everything that may come with it (one more than the maximum, and a pidfd where enabled) and for this many
  /// more: at a full table the kernel drops descriptors instead of failing (kernel fact B7). Without a reserve nothing
  /// is checked. Other threads may take the slots between the check and the receive. Near the limit the check takes as
  /// long as the table is large.
  std::optional<std::size_t> reserve{};
};

/// A failed receive. Nothing that came with the message is open.
struct receive_error {
  std::error_code code;
  std::size_t installed = 0;  ///< Descriptors of SCM_RIGHTS that the kernel had installed; all are closed again.
  std::size_t max = 0;        ///< The caller's maximum, 253 at most.

  operator std::error_code() const noexcept { return code; }
  friend bool operator==(const receive_error& error, std::error_code other) noexcept { return error.code == other; }
  friend bool operator==(const receive_error& error, std::error_condition other) noexcept {
    return error.code == other;
  }
};

/// A failed receive under an admission: a `receive_error`, or that a descriptor is not what was agreed, and how.
struct admission_error : receive_error {
  std::optional<refusal> refused{};  ///< With the codes of `admit`.
};

}  // namespace scm::inline v0_1
