/// Watches the messages that a program and all that it starts send and receive, and changes nothing: ptrace(2).
#pragma once

#include <scm/core/result.hpp>
#include <scm/process/spawn.hpp>
#include <scm/service/tracer_call.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace scm::inline v0_1 {

struct tracer_options {
  /// Bytes of each message's payload that are kept, up to `most_payload`.
  std::size_t payload = 32;
  static constexpr std::size_t most_payload = std::size_t{1} << 20;
};

/// Runs a program under a filter (seccomp(2), SECCOMP_RET_TRACE) that stops each sendmsg, recvmsg, sendmmsg and
/// recvmmsg, 64-bit and 32-bit, where it begins and where it ends; every other call runs at its own speed. The calls
/// are the program's own: results, descriptors and credentials are what they are without a tracer (docs/design.md,
/// "Tracer"). What a program notices is in docs/see-what-crosses.md. Of the CMake target scm::supervisor, which needs
/// libseccomp.
///
/// One thread, which is the one that starts it, since only that may trace; it must have no children of its own
/// meanwhile: `next` reaps them. If it ends, or this value does, all traced processes are killed.
class SCM_API tracer {
 public:
  /// Starts the program, which has run nothing when this returns. Without CAP_SYS_ADMIN it needs
  /// `spawn_options::no_new_privileges`. Errors: those of `spawn_watched`; `spawn_step::trace` with those of ptrace(2),
  /// ESRCH if it was killed already; `spawn_step::prepare` with `invalid_argument` for too much payload, and those of
  /// `message_filter`.
  [[nodiscard]] static result<tracer, spawn_error> start(const spawn_options& program,
                                                         const tracer_options& options) noexcept;

  tracer(tracer&&) noexcept;
  tracer& operator=(tracer&&) noexcept;
  ~tracer();

  /// Waits for the next call to end, in the order in which they do; no value when no process is left. Signals are
  /// waited through. Errors, after which the trace is over and all is killed: `not_enough_memory`, those of waitid(2)
  /// and ptrace(2).
  [[nodiscard]] result<std::optional<traced_call>> next() noexcept;

  /// The number of the program that was started.
  [[nodiscard]] pid_t program() const noexcept;
  /// How it ended; no value before.
  [[nodiscard]] std::optional<exit_status> ended() const noexcept;

  /// What was sent with descriptors and not received, by now; of a message that nobody in the trace could receive this
  /// is not known, and it is among them.
  [[nodiscard]] result<std::vector<unreceived_message>> unreceived() const noexcept;
  /// Messages of whose end nothing can be said any more: there were more on their way than are remembered.
  [[nodiscard]] std::uint64_t forgotten() const noexcept;

  struct state;  ///< Inside.

 private:
  explicit tracer(std::unique_ptr<state> made) noexcept;
  std::unique_ptr<state> state_;
};

}  // namespace scm::inline v0_1
