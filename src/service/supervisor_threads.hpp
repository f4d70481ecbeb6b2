/// The threads whose calls are carried out, by number: their pidfds, kept, since each call needs one.
#pragma once

#include <scm/core/fd.hpp>
#include <scm/core/result.hpp>

#include <sys/types.h>

#include <cstddef>
#include <unordered_map>

namespace scm::inline v0_1::detail {

/// A thread, held by a pidfd: while it lives, its number is its own.
struct known_thread {
  owned_fd pidfd;
  pid_t process = 0;
  bool alone = false;  ///< The pidfd is the thread's (PIDFD_THREAD), not its process's.
};

class known_threads {
 public:
  /// How many are kept, a descriptor each.
  static constexpr std::size_t most = 128;

  /// The thread with that number. Errors: those of pidfd_open(2); ENOSYS for one with a table of its own on a kernel
  /// that cannot tell (before 6.9); `not_enough_memory`.
  [[nodiscard]] result<const known_thread*> find(pid_t thread) noexcept;
  /// It is another one now, or none.
  void forget(pid_t thread) noexcept { known_.erase(thread); }
  void forget_all() noexcept { known_.clear(); }

  template <class Call>
  void each(Call call) const noexcept {
    for (const auto& [number, one] : known_) call(one);
  }

 private:
  std::unordered_map<pid_t, known_thread> known_;
};

}  // namespace scm::inline v0_1::detail
