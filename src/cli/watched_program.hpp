/// A program that scm runs to watch it: how it is started, and what its end means.
#pragma once

#include <scm/process/spawn.hpp>

#include <expected>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace scm::cli {

/// `command` is the program, looked up in PATH, and its arguments; it keeps the descriptors that scm was started with.
/// The error is an exit status, which has been explained.
[[nodiscard]] std::expected<spawn_options, int> options_of(const std::vector<std::string>& command);

/// Explains that there is no such program, or that it cannot be executed: 127 or 126, as shells say.
int not_executed(const std::string& word, std::error_code why);

/// What `start` answers, which starts the program under a filter: with no_new_privs only where the kernel takes a
/// filter from nobody without, since set-user-id programs are what they are elsewhere.
template <class Start>
[[nodiscard]] auto started_under_filter(spawn_options program, Start start) {
  auto started = start(program);
  if (started || started.error().step != spawn_step::filter || started.error().code != std::errc::permission_denied) {
    return started;
  }
  program.no_new_privileges = true;
  return start(program);
}

/// Its exit status as scm's own: 128 and the number of the signal that killed it.
[[nodiscard]] int status_of(const exit_status& ended) noexcept;

}  // namespace scm::cli
