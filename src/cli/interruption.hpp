/// Signals that end the program: what is done before they do.
#pragma once

#include <scm/channel/socket_file.hpp>
#include <scm/core/address.hpp>

#include <sys/types.h>
#include <csignal>

namespace scm::cli {

/// SIGINT, SIGTERM and SIGHUP, where they are not ignored, remove the socket file that `remove_when_interrupted` named
/// and then end the program as ever; while a command runs they are the command's (`interruptions_go_to`). SIGPIPE is
/// ignored, so that a closed pipe is an error like others. Call once.
void handle_interruptions() noexcept;

/// Holds these signals back as long as it lives: for what must not be cut in two.
class interruptions_held {
 public:
  interruptions_held() noexcept;
  ~interruptions_held();
  interruptions_held(const interruptions_held&) = delete;
  interruptions_held& operator=(const interruptions_held&) = delete;

 private:
  sigset_t before_;
};

/// Has the file that was bound at `at` removed on interruption, and the lock file beside it if it is `locked`. Nothing
/// for an address without a file. One file at a time. Call both with interruptions held.
void remove_when_interrupted(const socket_file& file, const address& at, bool locked) noexcept;
void keep_when_interrupted() noexcept;

/// Until it is called with 0: a signal from a process is passed on to `child`; one from the terminal has reached it
/// already. The program goes on either way.
void interruptions_go_to(pid_t child) noexcept;

/// Whether one has come while a command ran.
[[nodiscard]] bool was_interrupted() noexcept;

/// In a forked child, before execve(2): everything as the program itself was started with.
void restore_signals() noexcept;

}  // namespace scm::cli
