/// Which system calls a process may still make: a seccomp filter, for good, seccomp(2).
///
/// This is of a library of its own, scm::seccomp, which alone needs libseccomp.
#pragma once

#include <scm/core/result.hpp>
#include <scm/inspect/expectation.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

namespace scm::inline v0_1 {

/// What the library's own parts call once they are set up, and what every process does; docs/syscalls.md has it in
/// full.
enum class call_group : unsigned char {
  ending,     ///< Exiting, and returning from signal handlers.
  memory,     ///< An allocator's: mapping and unmapping, never executable; locks between threads (futex(2)).
  receiving,  ///< Messages, batches and records that come in on channels that are there, with deadlines; closing.
  sending,    ///< The same that go out.
  admitting,  ///< `admit`, and `receive` with an admission.
  accepting,  ///< Connections of a listener that is there, adopting channels, and who the peer is.
  children,   ///< Waiting for a `child`, and signalling it.
  files,      ///< Reading, writing, sizes and positions of files that are open. (Of files by name, stat(2) alone.)
};
using call_groups = set_of<call_group>;

/// One system call: by its name on any machine ("openat"), or by its number on this one, for what libseccomp does not
/// know yet. The name is lent.
class system_call {
 public:
  constexpr system_call(std::string_view name) noexcept : name_{name} {}
  constexpr system_call(const char* name) noexcept : name_{name} {}
  constexpr system_call(int number) noexcept : number_{number} {}

  [[nodiscard]] constexpr std::string_view name() const noexcept { return name_; }  ///< Empty for a number.
  [[nodiscard]] constexpr int number() const noexcept { return number_; }           ///< -1 for a name.

 private:
  std::string_view name_{};
  int number_ = -1;
};

/// What may be called.
struct allowed_calls {
  call_groups groups{call_group::ending};
  std::vector<system_call> calls{};
  /// What every other call fails with, errno(3), up to 4094; with 0 it ends the process (SIGSYS).
  int error = 0;
};

/// Where a filter could not be made.
enum class filter_step : unsigned char {
  call,   ///< No name of a system call, or no number: EINVAL; `position` is which of `calls`.
  build,  ///< Memory for it; EINVAL for an `error` that is none.
  load,   ///< seccomp(2): EACCES without no_new_privs or a privilege, EINVAL where the kernel has no filters.
};

/// Why a process may call whatever it could before.
struct filter_error {
  std::error_code code;
  filter_step step;
  std::size_t position = 0;

  operator std::error_code() const noexcept { return code; }
};

/// From now on every thread of this process, and whatever it starts, makes these calls and no others. no_new_privs is
/// set first, so that it needs no privilege; a further filter can only take more away. What another machine has and
/// this one does not is left out of it. Calls of the other kinds that a processor has (32-bit ones of a 64-bit
/// process, x32) end the process whatever `error` says, since their numbers mean something else.
///
/// It comes last, after `confine`, which makes calls that nobody needs later. A denied call that returns an error can
/// be survived, as one that a security module denies; the end of the process is what an attacker cannot use.
[[nodiscard]] SCM_API result<void, filter_error> allow_only(const allowed_calls& allowed) noexcept;

}  // namespace scm::inline v0_1
