/// A program whose messages are carried out by somebody else, who decides on each: sendmsg(2) and its kin.
#pragma once

#include <scm/core/fd.hpp>
#include <scm/core/result.hpp>
#include <scm/foreign/message.hpp>
#include <scm/process/spawn.hpp>

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace scm::inline v0_1 {

/// Of a stream's send so much is judged: two of the kernel's own pieces (kernel fact C7). What follows has no
/// descriptors.
inline constexpr std::size_t judged_stream_bytes = std::size_t{64} << 10;

/// A message that a supervised program sends, or has received and does not know of yet. Everything is lent for the time
/// of the verdict, and is what will be sent or handed over: nothing of it is read again afterwards.
struct supervised_message {
  message_use use = message_use::send;
  pid_t thread = 0;            ///< Who makes the call, and
  pid_t process = 0;           ///< whose thread it is: numbers here, for people (pid reuse).
  borrowed_fd process_fd{-1};  ///< A pidfd of it.
  borrowed_fd socket{-1};      ///< The program's socket, a duplicate: its open file is the program's. Do not change it.
  std::uint32_t flags = 0;     ///< MSG_*: of the call for what is sent, msg_flags of what was received.
  std::span<const std::byte> name;  ///< struct sockaddr: of whom it is sent to, if the call says so; of who sent it.
  /// The payload; of a stream's send at most `judged_stream_bytes`.
  std::span<const std::byte> payload;
  std::span<const borrowed_fd> descriptors;  ///< SCM_RIGHTS, in order. Those of a peek come again.
  /// Of `descriptors`, from the first on: how many the program has made room for in its control data. It is told that
  /// the others were cut off (MSG_CTRUNC), as it is of those that its table has no free number for. Of what is sent,
  /// all.
  std::size_t fitting = 0;
  std::span<const std::byte> control;  ///< All control data, in this process's layout: `control_view`.
};

/// What becomes of a message.
struct message_verdict {
  enum class action : unsigned char {
    allow,
    deny,   ///< The call fails with `error`; a message that was received is gone.
    strip,  ///< It goes on without its descriptors; a receiver is told that they were lost (MSG_CTRUNC).
    kill,   ///< The process is killed, SIGKILL. Nothing is sent or handed over.
  };
  action what = action::allow;
  int error = 0;               ///< errno(3) of `deny`; 0 is EACCES.
  bool close_on_exec = false;  ///< Received descriptors are, whether the program asked for it or not.
  bool scattered = false;      ///< They get random free numbers, below the program's RLIMIT_NOFILE, not the lowest.
};

/// Gives the verdict, on the supervisor's thread: while it runs nobody is served. An exception of it is `deny`.
using message_judge = std::function<message_verdict(const supervised_message&)>;

/// What becomes of the programs when the supervisor ends before they do.
enum class supervision_end : unsigned char {
  kill,     ///< Killed, as far as their numbers are known: the first process even if this one is killed.
  release,  ///< They go on; the calls that were supervised fail with ENOSYS (seccomp_unotify(2)).
};

struct supervisor_options {
  message_judge judge{};  ///< None: everything is allowed, and carried out.
  supervision_end at_end = supervision_end::kill;
  /// Calls that wait at one time, of all processes; one more fails with ENOBUFS, and so does one for which this
  /// process's RLIMIT_NOFILE leaves no descriptor. docs/design.md says what each costs.
  std::size_t pending = 4096;
  /// Called by `run` when all is open that it needs, before the first call is answered: to give up what is not needed
  /// any more. `run` returns its error.
  std::function<result<void>()> before_serving{};
  /// Called when the program has ended, before it is reaped, so that its number is still its own; what it started is
  /// served on. An exception of it is dropped.
  std::function<void()> program_ended{};
};

/// What happened since the start.
struct supervisor_statistics {
  std::uint64_t sends = 0;            ///< Messages sent for a program.
  std::uint64_t receives = 0;         ///< Messages received for one.
  std::uint64_t denied = 0;           ///< Verdicts other than `allow`.
  std::uint64_t interrupted = 0;      ///< Calls that were left for a signal.
  std::uint64_t descriptors_in = 0;   ///< Installed in a program.
  std::uint64_t descriptors_out = 0;  ///< Sent for a program.
  std::size_t pending = 0;            ///< Calls that wait, now.
};

/// Runs a program, and all that it starts, under a filter (seccomp_unotify(2)) that hands sendmsg, recvmsg, sendmmsg
/// and recvmmsg, 64-bit and 32-bit, to this process, which carries them out (docs/design.md, "Supervisor"). A program
/// notices nothing but what docs/police-what-crosses.md lists. Of the CMake target scm::supervisor, which needs
/// libseccomp.
///
/// One thread, which is the one that runs it; everything but `stop` is for that thread.
class SCM_API supervisor {
 public:
  /// Starts it. Errors: those of `spawn_watched`; `unsupported` where the kernel cannot (Linux 5.19); those of epoll.
  [[nodiscard]] static result<supervisor, spawn_error> start(const spawn_options& program,
                                                             supervisor_options options) noexcept;

  supervisor(supervisor&&) noexcept;
  supervisor& operator=(supervisor&&) noexcept;
  ~supervisor();

  /// Serves until no process is left under the filter, or `stop`. How the first one ended; neither code nor signal when
  /// it was released, and goes on. SIGPIPE is blocked for the thread meanwhile. Errors: that of `before_serving`; what
  /// keeps it from serving at all.
  [[nodiscard]] result<exit_status> run() noexcept;
  /// Ends `run`: from the judge, another thread or a signal handler.
  void stop() noexcept;

  /// The program: to signal it.
  [[nodiscard]] child& program() noexcept;
  [[nodiscard]] supervisor_statistics statistics() const noexcept;

  struct state;  ///< Inside.

 private:
  explicit supervisor(std::unique_ptr<state> made) noexcept;
  std::unique_ptr<state> state_;
};

}  // namespace scm::inline v0_1
