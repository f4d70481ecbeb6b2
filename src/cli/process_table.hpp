/// The descriptor table of another process, read from outside.
#pragma once

#include <scm/core/fd.hpp>

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

namespace scm::cli {

/// The numbers in a directory like /proc/PID/fd, in order and at most `bounds::descriptors_listed`. In this process's
/// own table that of the directory is among them; it is closed by now. Errors: those of open(2), EMFILE among them.
[[nodiscard]] result<std::vector<int>> numbers_in(const std::filesystem::path& directory);

class process_table {
 public:
  /// Errors: ESRCH; EINVAL or ENOENT for a thread that is not the first of its process.
  [[nodiscard]] static result<process_table> open(pid_t process);

  /// The numbers that are open; the process may change them at any time. Errors: EACCES or EPERM without the right to
  /// trace it, ESRCH when it has ended, ENOENT without /proc.
  [[nodiscard]] result<std::vector<int>> numbers() const;

  /// A descriptor of ours for the same open file (pidfd_getfd(2)). While it lives the file stays open, and closing it
  /// flushes like any close(2), which a file system in user space can delay.
  /// Errors: EBADF, EPERM, ESRCH, EMFILE.
  [[nodiscard]] result<owned_fd> fetch(int number) const;

  /// Whether its own descriptor is close-on-exec, which the fetched one always is; no value without /proc.
  [[nodiscard]] std::optional<bool> close_on_exec(int number) const;

  /// Whether the process has ended.
  [[nodiscard]] bool gone() const;

 private:
  process_table(pid_t process, owned_fd handle) : process_{process}, handle_{std::move(handle)} {}

  pid_t process_;
  owned_fd handle_;
};

}  // namespace scm::cli
