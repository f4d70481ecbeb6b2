/// The kernel and the programs under its filter, as they are: what a supervised call is carried out with.
#pragma once

#include "service/supervisor_kernel.hpp"
#include "service/supervisor_rights.hpp"
#include "service/supervisor_threads.hpp"

#include <cstdint>
#include <optional>

namespace scm::inline v0_1::detail {

class live_kernel final : public supervised_kernel {
 public:
  live_kernel(borrowed_fd listener, own_rights&& rights) noexcept : listener_{listener}, rights_{std::move(rights)} {}

  /// From here on it is about the call `id` of a thread.
  void turn_to(std::uint64_t id, pid_t thread) noexcept {
    id_ = id;
    thread_ = thread;
    memory_.emplace(thread);
  }
  [[nodiscard]] known_threads& threads() noexcept { return threads_; }

  foreign_memory& memory() noexcept override { return *memory_; }
  bool valid() noexcept override;
  std::chrono::steady_clock::time_point now() noexcept override { return std::chrono::steady_clock::now(); }
  supervised_caller who() noexcept override;
  result<owned_fd> fetch(int number) noexcept override;
  result<int> install(borrowed_fd ours, bool close_on_exec, bool scattered) noexcept override;
  result<std::optional<credentials>> identity(const std::optional<credentials>& claimed) noexcept override;
  result<found_name> find(std::span<const std::byte> name) noexcept override;
  credentials seen_there(const credentials& sender) noexcept override;
  void break_pipe() noexcept override;
  void kill() noexcept override;
  result<int> option(borrowed_fd socket, int name) noexcept override;
  result<std::optional<std::chrono::nanoseconds>> timeout(borrowed_fd socket, int name) noexcept override;
  void leave_error(borrowed_fd socket, int number) noexcept override;
  bool connected(borrowed_fd socket) noexcept override;
  bool nonblocking(borrowed_fd socket) noexcept override;
  result<std::size_t> receive(borrowed_fd socket, msghdr& message, int flags) noexcept override;
  send_outcome send(borrowed_fd socket, int family, const msghdr& message, int flags) noexcept override;

 private:
  [[nodiscard]] result<int> add(borrowed_fd ours, int number, bool close_on_exec) noexcept;
  [[nodiscard]] result<credentials> real_identity() noexcept;

  borrowed_fd listener_;
  own_rights rights_;
  known_threads threads_;
  std::uint64_t id_ = 0;
  pid_t thread_ = 0;
  std::optional<process_memory> memory_;
};

/// Kills the process of a thread by its pidfd.
void kill_process(const known_thread& thread) noexcept;

}  // namespace scm::inline v0_1::detail
