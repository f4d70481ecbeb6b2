/// Starting a program with the descriptors that are named, and no others.
#pragma once

#include <scm/process/child.hpp>
#include <scm/process/named_fd.hpp>
#include <scm/process/run_as.hpp>

#include <sys/resource.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scm::inline v0_1 {

/// What a program gets as its descriptor 0, 1 or 2.
class standard_stream {
 public:
  /// That of this process; /dev/null where it is closed, or close-on-exec and so not meant to be inherited.
  constexpr standard_stream() noexcept = default;
  /// A descriptor, lent until spawn returns.
  constexpr standard_stream(borrowed_fd given) noexcept : what_{kind::given}, given_{given} {}
  constexpr standard_stream(const owned_fd& given) noexcept : standard_stream{given.get()} {}
  /// /dev/null, for reading and writing.
  [[nodiscard]] static constexpr standard_stream null() noexcept {
    standard_stream made;
    made.what_ = kind::null;
    return made;
  }

  enum class kind : unsigned char { inherited, null, given };
  [[nodiscard]] constexpr kind what() const noexcept { return what_; }
  [[nodiscard]] constexpr borrowed_fd given() const noexcept { return given_; }

 private:
  kind what_ = kind::inherited;
  borrowed_fd given_{-1};
};

/// A bound on a resource (RLIMIT_NOFILE, …), setrlimit(2).
struct resource_limit {
  int resource;
  rlim_t soft;
  rlim_t hard;
};

/// How to start a program. In the order in which it is done: what comes first is done with this process's rights.
struct spawn_options {
  /// Path of the program, execve(2): no search in PATH, no shell; a relative one is looked up from the new directory.
  std::string program{};
  std::vector<std::string> arguments{};  ///< argv[1] and on.
  std::string argument_zero{};           ///< argv[0], if it is not to be `program`.
  /// NAME=value each; absent, the environment of this process, which no other thread may change meanwhile. What either
  /// says of LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES and LISTEN_PIDFDID is left out: it would be about other
  /// descriptors.
  std::optional<std::vector<std::string>> environment{};

  borrowed_fd directory_fd{-1};  ///< Working directory, an open directory.
  std::string directory{};       ///< Working directory, a path, from `directory_fd` on if that is given.
  standard_stream input{}, output{}, error{};
  /// The program's descriptors 3, 4, 5, … in this order, not close-on-exec, named by LISTEN_FDS, LISTEN_FDNAMES and
  /// LISTEN_PID (sd_listen_fds(3)). A descriptor may be named twice, and two may have one name.
  std::vector<named_fd> descriptors{};
  /// Whether it keeps, as execve(2) does, all other descriptors of this process that are not close-on-exec, at their
  /// numbers: for who stands in for a program that somebody else started. Those above take the place of theirs.
  bool keep_inheritable = false;
  std::vector<resource_limit> limits{};
  std::optional<run_as> as{};
  bool no_new_privileges = false;  ///< PR_SET_NO_NEW_PRIVS: neither it nor what it starts gains any by exec.
  /// PR_SET_PDEATHSIG: sent to it when the *thread* that spawned it ends, not only the process, so spawn from one that
  /// lasts. A program with set-user-id or file capabilities is started without. Where this process's children are in a
  /// PID namespace of their own, one that is orphaned while it starts is not told. 0 for none.
  int parent_death_signal = 0;
};

/// Where starting a program stopped.
enum class spawn_step : unsigned char {
  prepare,              ///< Nothing was started: an option is wrong, or there is no memory.
  start,                ///< The new process: clone(2).
  filter,               ///< Its filter of system calls, seccomp(2): `spawn_watched`.
  signals,              ///< Blocking signals here; default actions and an empty mask there.
  directory,            ///< fchdir(2), chdir(2)
  streams,              ///< Descriptors 0 to 2; `position` is which.
  descriptors,          ///< Placing those that are named; `position` is which of them.
  others,               ///< Closing all others: close_range(2).
  limits,               ///< setrlimit(2); `position` is which of them.
  groups,               ///< setgroups(2)
  group,                ///< setresgid(2)
  user,                 ///< setresuid(2)
  no_new_privileges,    ///< prctl(2)
  parent_death_signal,  ///< prctl(2)
  trace,                ///< ptrace(2): `spawn_watched`.
  execute,              ///< execve(2)
};

/// What failed, in words.
[[nodiscard]] SCM_API std::string_view text_of(spawn_step step) noexcept;

/// Which step failed and why; then no process is left and nothing has changed here.
struct spawn_error {
  std::error_code code;
  spawn_step step;
  std::size_t position = 0;  ///< Counted from 0, where a step is about one of several.

  operator std::error_code() const noexcept { return code; }
};

/// Starts a program, and returns when it runs (or not). Its signals have their default actions, ignored ones too, and
/// none is blocked. It inherits what is said above and otherwise what every program does: user, limits, umask, session.
///
/// Descriptors that other threads open meanwhile, close-on-exec or not, are never seen by the program: its table is a
/// copy of its own, in which all that is not named is closed. Only the calling thread is stopped until the program
/// runs; it needs 64 KiB of stack.
///
/// Errors: those of the calls named at each step. Of our own: EINVAL for a NUL byte or a name that is none, over_limit
/// for more than `limits::inherited_descriptors`, not_enough_memory; EMFILE where RLIMIT_NOFILE has no room for
/// 3 + all that are named (twice as many, where numbers overlap).
[[nodiscard]] SCM_API result<child, spawn_error> spawn(const spawn_options& options) noexcept;

}  // namespace scm::inline v0_1
