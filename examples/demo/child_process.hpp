/// A child process, held so that it neither outlives its parent's interest nor ends unnoticed.
#pragma once

#include "outcome.hpp"

#include <scm/core/fd.hpp>

#include <sys/types.h>

#include <utility>

namespace demo {

class child_process {
 public:
  /// Takes a child of this process. Errors: pidfd_open(2)'s; the child is killed.
  [[nodiscard]] static outcome<child_process> hold(pid_t child);
  child_process(child_process&& other) noexcept : pid_{std::exchange(other.pid_, -1)}, fd_{std::move(other.fd_)} {}
  child_process& operator=(child_process&&) = delete;
  /// Kills it, if `wait` has not seen its end.
  ~child_process();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// Readable when the child has ended.
  [[nodiscard]] scm::borrowed_fd pidfd() const noexcept { return fd_.get(); }
  /// Waits for its end: "ended with status 1", "was killed by signal 9".
  [[nodiscard]] std::string wait() noexcept;

 private:
  explicit child_process(pid_t child) noexcept : pid_{child} {}

  pid_t pid_;
  scm::owned_fd fd_;
};

}  // namespace demo
