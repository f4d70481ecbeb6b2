/// One call of a supervised program, from its beginning to its answer: a state machine that never waits.
#pragma once

#include "service/supervisor_desk.hpp"
#include "service/supervisor_kernel.hpp"
#include "service/supervisor_receive.hpp"
#include "service/supervisor_request.hpp"
#include "service/supervisor_send.hpp"

#include <cstdint>
#include <optional>

namespace scm::inline v0_1::detail {

/// What the kernel takes for the end of a call that a signal interrupts: it runs the handler, and makes it EINTR or
/// makes the call anew, as the handler's flags say (kernel fact I11).
inline constexpr int restart_system = 512;

/// What comes next: an answer, once; or to call `advance` again when the socket is ready, or it is time.
struct call_step {
  enum class next : unsigned char { answer, readable, writable, back_off };
  next what = next::answer;
  std::int64_t answer = 0;       ///< What the call returns: a count, or a negative errno.
  deadline until = no_deadline;  ///< When waiting ends in any case; for back_off when to try again.

  [[nodiscard]] bool waits() const noexcept { return what != next::answer; }
};

class supervised_call {
 public:
  supervised_call(const call_request& asked, supervised_desk& desk) noexcept : request_{asked}, desk_{&desk} {}

  /// Goes on until it has an answer or must wait. Not after an answer.
  [[nodiscard]] call_step advance(supervised_kernel& kernel) noexcept;

  /// The answer of a call that waits, when a signal is there for it: what was done counts. Otherwise ERESTARTSYS where
  /// the kernel may restart it, EINTR where it may not, or there is a timeout (sock_intr_errno).
  [[nodiscard]] std::int64_t interrupted(supervised_kernel& kernel, bool may_restart) noexcept;

  /// The duplicate that is waited for.
  [[nodiscard]] borrowed_fd socket() const noexcept { return socket_.fd.get(); }
  /// Descriptors that it holds.
  [[nodiscard]] std::size_t holds() const noexcept { return send_ ? send_->holds() : 1; }

 private:
  [[nodiscard]] int begin(supervised_kernel& kernel) noexcept;
  [[nodiscard]] int begin_batch(supervised_kernel& kernel) noexcept;
  [[nodiscard]] entry_outcome attempt(supervised_kernel& kernel) noexcept;
  [[nodiscard]] std::uint32_t flags_of_entry() const noexcept;
  /// Whether another message follows.
  [[nodiscard]] bool batch_goes_on(supervised_kernel& kernel, const entry_outcome& after) noexcept;
  [[nodiscard]] std::int64_t batch_answer(supervised_kernel& kernel, int error) noexcept;

  call_request request_;
  supervised_desk* desk_;
  supervised_socket socket_;
  bool begun_ = false;
  std::uint32_t done_ = 0;           // messages of a batch that are
  std::optional<deadline> end_;      // recvmmsg(2)'s timeout, which is looked at after each message (kernel fact F4)
  std::chrono::nanoseconds left_{};  // of it
  std::optional<receiving> receive_;
  std::optional<sending> send_;
};

}  // namespace scm::inline v0_1::detail
