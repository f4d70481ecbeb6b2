/// What a supervised call needs of the kernel and of the program that makes it: the real ones, or made-up ones.
#pragma once

#include <scm/core/credentials.hpp>
#include <scm/core/fd.hpp>
#include <scm/core/result.hpp>
#include <scm/foreign/memory.hpp>

#include <sys/socket.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

namespace scm::inline v0_1::detail {

/// The name of a socket to send to, as this process has to spell it.
struct found_name {
  owned_fd file{};  ///< Open for as long as the name is used, where it is one of a file.
  sockaddr_storage name{};
  socklen_t size = 0;
};

/// Who makes the call.
struct supervised_caller {
  pid_t thread = 0;
  pid_t process = 0;
  borrowed_fd process_fd{-1};
};

/// What became of a send.
struct send_outcome {
  result<std::size_t> sent;
  bool broken_pipe = false;  ///< The kernel raised SIGPIPE: the program's, not ours.
};

/// One thread of a program, which waits for its call to be answered, and the sockets that it uses. Nothing here waits.
class supervised_kernel {
 public:
  virtual ~supervised_kernel() = default;

  /// The program's memory: what was read counts once `valid` has said so.
  [[nodiscard]] virtual foreign_memory& memory() noexcept = 0;
  /// Whether the call still waits for its answer, and so whether the thread is still that thread.
  [[nodiscard]] virtual bool valid() noexcept = 0;
  [[nodiscard]] virtual std::chrono::steady_clock::time_point now() noexcept = 0;

  // The program's side.
  [[nodiscard]] virtual supervised_caller who() noexcept = 0;
  /// A duplicate of a descriptor of the thread's. EBADF; EMFILE of ours.
  [[nodiscard]] virtual result<owned_fd> fetch(int number) noexcept = 0;
  /// A descriptor of ours gets a number in the thread's table: the lowest, or a random free one. EMFILE of theirs.
  [[nodiscard]] virtual result<int> install(borrowed_fd ours, bool close_on_exec, bool scattered) noexcept = 0;
  /// What to attach so that the receiver sees the program, and not us, and whether it may claim what it claims. Nothing
  /// where this process cannot. EPERM, ESRCH, EINVAL of a claim.
  [[nodiscard]] virtual result<std::optional<credentials>> identity(
      const std::optional<credentials>& claimed) noexcept = 0;
  /// A name of a Unix socket, looked up where the program's root and working directory are, with its rights.
  [[nodiscard]] virtual result<found_name> find(std::span<const std::byte> name) noexcept = 0;
  /// A sender that was received here, as the program's namespaces have it.
  [[nodiscard]] virtual credentials seen_there(const credentials& sender) noexcept = 0;
  /// SIGPIPE, for the thread.
  virtual void break_pipe() noexcept = 0;
  /// SIGKILL, for its process.
  virtual void kill() noexcept = 0;

  // A duplicate of a socket of the program's; its status flags stay as they are.
  /// An option of SOL_SOCKET that is an int.
  [[nodiscard]] virtual result<int> option(borrowed_fd socket, int name) noexcept = 0;
  /// SO_RCVTIMEO or SO_SNDTIMEO; nothing when it waits for ever.
  [[nodiscard]] virtual result<std::optional<std::chrono::nanoseconds>> timeout(borrowed_fd socket,
                                                                                int name) noexcept = 0;
  /// Leaves an error for the next call, as recvmmsg(2) does (kernel fact F5), if there is a way.
  virtual void leave_error(borrowed_fd socket, int number) noexcept = 0;
  /// Whether it has a peer.
  [[nodiscard]] virtual bool connected(borrowed_fd socket) noexcept = 0;
  /// Whether O_NONBLOCK is set.
  [[nodiscard]] virtual bool nonblocking(borrowed_fd socket) noexcept = 0;
  /// recvmsg(2). Descriptors in the control data are ours.
  [[nodiscard]] virtual result<std::size_t> receive(borrowed_fd socket, msghdr& message, int flags) noexcept = 0;
  /// sendmsg(2) on a socket of a family, with no more rights than the program has.
  [[nodiscard]] virtual send_outcome send(borrowed_fd socket, int family, const msghdr& message,
                                          int flags) noexcept = 0;
};

}  // namespace scm::inline v0_1::detail
