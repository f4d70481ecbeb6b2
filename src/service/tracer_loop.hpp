/// What a tracer does at each stop of each thread: ptrace(2).
#pragma once

#include "service/tracer_look.hpp"

#include <scm/process/child.hpp>
#include <scm/service/tracer.hpp>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace scm::inline v0_1 {

struct tracer::state {
  explicit state(const tracer_options& options) noexcept : looks{options.payload} {}
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() { end_all(); }

  /// Takes over a program that is stopped at the end of its execve(2), as a tracer that leaves job control to the
  /// program. Errors: ptrace(2)'s.
  result<void> seize(child&& process) noexcept;
  /// Waits for one stop or end, and deals with it. False when no process is left. Throws std::bad_alloc.
  result<bool> step();
  /// Kills whatever is left, and reaps it.
  void end_all() noexcept;

  struct traced_thread {
    explicit traced_thread(pid_t number) noexcept : look{number} {}
    detail::foreign_thread look;
    std::unique_ptr<detail::call_in_progress> call;
  };

  result<void> stopped(pid_t number, int status);
  result<void> begins(traced_thread& by);
  result<void> ends(traced_thread& by);
  void gone(const siginfo_t& how);
  void abandon(traced_thread& by);
  void executed(traced_thread& by);
  traced_thread& thread(pid_t number);
  const std::string& name_of(pid_t process);

  detail::call_looks looks;
  std::unordered_map<pid_t, traced_thread> threads;
  std::unordered_map<pid_t, std::string> names;  // of processes
  std::vector<traced_call> ready;
  std::size_t taken = 0;  // of `ready`
  std::size_t held = 0;   // pidfds of threads
  pid_t program = 0;
  pid_t owner = 0;  // the process that traces: a fork(2) of it has a copy of this value
  std::optional<exit_status> ended;
  bool over = true;

  /// Pidfds that are kept from one call of a thread to its next: it may have thousands of threads, we may have 1024.
  static constexpr std::size_t most_held = 256;
};

}  // namespace scm::inline v0_1
