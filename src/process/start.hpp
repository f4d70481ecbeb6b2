/// What is made ready before a process is cloned, and what the clone does with it.
#pragma once

#include "core/sys.hpp"

#include <scm/process/watched.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace scm::inline v0_1::detail {

/// The first descriptor that is passed: SD_LISTEN_FDS_START.
inline constexpr int first_passed = 3;

/// A descriptor on its way: from where it is to where the program expects it.
struct placed_fd {
  int from;  // raised out of the way of the targets first
  int to;
  spawn_step step;
  std::size_t position;
};

/// Everything that the new process needs, in memory that it shares: between clone(2) and execve(2) it may not allocate,
/// since another thread of its maker may hold the allocator's lock. What it finds out is written to `failure`, on which
/// its maker waits.
struct start {
  const spawn_options* asked = nullptr;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<placed_fd> placed;
  std::array<standard_stream::kind, 3> streams{};
  std::string count;                     // LISTEN_FDS=
  std::string names;                     // LISTEN_FDNAMES=
  std::array<char, 32> process_id = {};  // LISTEN_PID=, to which the process adds its own number
  pid_t parent = 0;

  const sock_fprog* filter = nullptr;  // none: nobody watches
  call_watcher watcher{};
  int listener = -1;  // written there, in a table that is this process's, too, at that moment

  bool failed = false;
  spawn_error failure{};

  [[nodiscard]] int end_of_targets() const noexcept {
    return first_passed + static_cast<int>(asked->descriptors.size());
  }
};

/// Reads and checks the options. Throws std::bad_alloc.
[[nodiscard]] result<void, spawn_error> make_ready(start& into, const spawn_options& options);

/// The body of the new process, for clone(2): `argument` is a `start`. Does not return.
int start_here(void* argument) noexcept;

}  // namespace scm::inline v0_1::detail
