/// A counter that one process raises and another waits for: eventfd(2), as a value that owns it.
#pragma once

#include <scm/core/deadline.hpp>
#include <scm/core/fd.hpp>
#include <scm/core/result.hpp>
#include <scm/inspect/admission.hpp>

#include <cstdint>

namespace scm::inline v0_1 {

/// An eventfd. Movable; the descriptor goes with it.
class SCM_API event {
 public:
  /// A new one, close-on-exec, with a count of 0. Errors: those of eventfd(2).
  [[nodiscard]] static result<event> make() noexcept;
  /// A received one. On error it is left with the caller. Errors: those of `admit`: its kind is looked at.
  [[nodiscard]] static result<event, refusal> adopt(owned_fd&& received) noexcept;

  event() noexcept = default;
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(fd_); }

  /// For an event loop's wait: readable when the count is not 0.
  [[nodiscard]] borrowed_fd fd() const noexcept { return fd_.get(); }

  /// Adds 1 to the count. EAGAIN, and nothing is added, when the count is full (2^64 - 2): whoever waits has been told
  /// already. Somebody else who shares it, and means harm, could fill it within the moment between the look and the
  /// write, and so make this wait until the count is taken; nobody who follows the protocol does.
  [[nodiscard]] result<void> signal() noexcept;
  /// Takes the count, which is 0 afterwards, once it is not 0. Errors: `timed_out`; EAGAIN with `dont_wait`.
  [[nodiscard]] result<std::uint64_t> take(deadline until = no_deadline) noexcept;

 private:
  explicit event(owned_fd&& fd) noexcept : fd_{static_cast<owned_fd&&>(fd)} {}
  owned_fd fd_;
};

}  // namespace scm::inline v0_1
