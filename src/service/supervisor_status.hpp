/// What the kernel says of a thread, /proc/TID/status (proc(5)), taken apart.
#pragma once

#include <scm/core/result.hpp>

#include <boost/container/small_vector.hpp>

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace scm::inline v0_1::detail {

/// "/proc/" THREAD PART [NUMBER]
class proc_path {
 public:
  proc_path(pid_t thread, std::string_view part) noexcept;
  proc_path(pid_t thread, std::string_view part, int number) noexcept;
  [[nodiscard]] const char* c_str() const noexcept { return chars_.data(); }

 private:
  void append(std::string_view text) noexcept;
  void append_number(int number) noexcept;
  std::array<char, 64> chars_{};
  std::size_t size_ = 0;
};

struct thread_status {
  pid_t process = 0;
  pid_t own_process = 0;  ///< The same in the thread's own pid namespace.
  bool own_pids = false;  ///< Whether that is another one than ours.
  unsigned threads = 0;
  bool stopped = false;         ///< By job control.
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

/// A user or group id of another user namespace, as one of ours.
enum class id_kind : bool { user, group };
/// Nothing where it has none. The thread's ids in its status are ours already. Errors: those of open(2) and read(2).
[[nodiscard]] result<std::optional<std::uint32_t>> id_from(pid_t thread, id_kind kind, std::uint32_t id) noexcept;
/// The other way: an id of ours as the thread's user namespace has it, else the overflow id.
[[nodiscard]] std::uint32_t id_seen_by(pid_t thread, id_kind kind, std::uint32_t id) noexcept;
/// The number of a process in the thread's pid namespace, 0 where it has none (kernel fact E7).
[[nodiscard]] pid_t process_seen_by(pid_t thread, pid_t process) noexcept;
/// What a line of uid_map or gid_map makes of an id: first inside, first outside, how many (user_namespaces(7)).
[[nodiscard]] std::optional<std::uint32_t> mapped_id(std::string_view map, std::uint32_t id,
                                                     bool to_inside = false) noexcept;
/// Whether the thread's user namespace is this process's.
[[nodiscard]] result<bool> shares_users(pid_t thread) noexcept;

/// Whether a waiting call is to be left for a signal, and how.
struct signals_seen {
  bool any = false;
  /// Whether the signal is for this thread for certain: of those of a process the kernel has chosen a thread, which it
  /// does not tell. Only that one's call may be answered with ERESTARTSYS: in another the program would see the number.
  bool certain = false;
};
[[nodiscard]] signals_seen signals_for(const thread_status& status) noexcept;
/// Whether no other thread of the thread's process would take one of these signals: then the kernel has chosen this
/// one.
[[nodiscard]] bool nobody_else_takes(pid_t process, pid_t thread, std::uint64_t signals) noexcept;

}  // namespace scm::inline v0_1::detail
