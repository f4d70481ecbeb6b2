/// What the kernel says of a thread, /proc/TID/status (proc(5)), taken apart.
#pragma once

#include <scm/core/result.hpp>

#include <boost/container/small_vector.hpp>

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace scm::inline v0_1::detail {

struct thread_status {
  pid_t process = 0;
  pid_t own_process = 0;  ///< The same in the thread's own pid namespace.
  bool own_pids = false;  ///< Whether that is another one than ours.
  unsigned threads = 0;
  std::array<uid_t, 4> uids{};  ///< Real, effective, saved, of files.
  std::array<gid_t, 4> gids{};
  boost::container::small_vector<gid_t, 32> groups;
  std::uint64_t effective = 0;  ///< Capabilities, a bit each.
  // Signals, a bit each, the first for number 1.
  std::uint64_t pending = 0, pending_of_process = 0, blocked = 0, ignored = 0;
};

/// Errors: `malformed` when a line that is needed is missing; `not_enough_memory`.
[[nodiscard]] result<thread_status> parse_status(std::string_view text) noexcept;
/// Errors: those of open(2) and read(2) as well.
[[nodiscard]] result<thread_status> status_of(pid_t thread) noexcept;

/// Whether a waiting call is to be left for a signal, and how.
struct signals_seen {
  bool any = false;
  /// Whether the signal is for this thread for certain: of those of a process the kernel has chosen a thread, which it
  /// does not tell. Only that one's call may be answered with ERESTARTSYS: in another the program would see the number.
  bool certain = false;
};
[[nodiscard]] signals_seen signals_for(const thread_status& status) noexcept;

}  // namespace scm::inline v0_1::detail
