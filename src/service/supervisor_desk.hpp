/// What all supervised calls share: the room in which one attempt at a time is made, the judge and the counters.
#pragma once

#include "service/supervisor_kernel.hpp"

#include <scm/core/deadline.hpp>
#include <scm/core/descriptor_list.hpp>
#include <scm/service/supervisor.hpp>

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace scm::inline v0_1::detail {

/// A piece of a stream: what is proven writable, received and written at a time. No message of an ordinary socket is
/// longer (net.core.wmem_max); room for one that is, is taken for that call alone.
inline constexpr std::size_t supervised_piece = std::size_t{256} << 10;
/// Room for the control data of one receive: 253 descriptors, a security label of a page, and what IP sockets add.
inline constexpr std::size_t supervised_control = std::size_t{16} << 10;

/// Pieces of one call after which others have their turn.
inline constexpr int supervised_pieces_at_once = 16;
/// SCM_PIDFD of one message: the kernel makes one.
inline constexpr std::size_t supervised_pidfds = 4;

struct supervised_desk {
  message_judge judge;
  supervisor_statistics statistics{};
  std::size_t most_control = limits::foreign_control_bytes;  ///< net.core.optmem_max: of a 64-bit program.
  std::vector<std::byte> payload = std::vector<std::byte>(supervised_piece);
  alignas(cmsghdr) std::array<std::byte, supervised_control> control;
  sockaddr_storage name;
  descriptor_list rights;  ///< Of the message that is under way between a socket and a program.
  descriptor_list pidfds;

  /// The verdict; that of an exception, and of no memory, is to deny.
  [[nodiscard]] message_verdict judged(const supervised_message& message) noexcept;
};

/// Room for one payload: of the desk where it is large enough, else for itself.
class payload_room {
 public:
  [[nodiscard]] static result<payload_room> take(supervised_desk& desk, std::size_t size) noexcept;
  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::unique_ptr<std::byte[]> own_;
  std::span<std::byte> bytes_;
};

/// A duplicate of a program's socket.
struct supervised_socket {
  owned_fd fd{};
  int type = 0;
  int family = -1;  ///< -1 until it was asked for.

  [[nodiscard]] result<int> family_by(supervised_kernel& kernel) noexcept;
};

/// What became of one message of a call, for now.
struct entry_outcome {
  enum class kind : unsigned char { finished, failed, readable, writable, back_off };
  kind what = kind::failed;
  std::size_t bytes = 0;         ///< Of one that is finished: what the call returns for it.
  int error = 0;                 ///< Of one that failed: its errno.
  bool ends_batch = false;       ///< Out-of-band data, a stream's short send: the kernel looks at no further message.
  deadline until = no_deadline;  ///< Of one that waits.

  [[nodiscard]] static entry_outcome done(std::size_t bytes, bool ends = false) noexcept {
    return {kind::finished, bytes, 0, ends, no_deadline};
  }
  [[nodiscard]] static entry_outcome failure(int number) noexcept {
    return {kind::failed, 0, number, false, no_deadline};
  }
  [[nodiscard]] static entry_outcome waiting(kind how, deadline until) noexcept { return {how, 0, 0, false, until}; }
};

/// The errno of an error: those of ours that have one, and ENOMEM, are what the kernel calls them.
[[nodiscard]] int number_of_error(const std::error_code& error) noexcept;

/// How long a call may wait on a socket: asked for when it first has to.
class patience_of_call {
 public:
  /// False when the call must not wait: MSG_DONTWAIT, O_NONBLOCK. `option` is SO_RCVTIMEO or SO_SNDTIMEO.
  [[nodiscard]] bool may_wait(supervised_kernel& kernel, borrowed_fd socket, std::uint32_t flags, int option) noexcept;
  /// Counted from here on again.
  void begin_anew() noexcept { until_.reset(); }
  [[nodiscard]] deadline until(supervised_kernel& kernel) noexcept;
  /// Whether a signal makes it fail whatever the handler's flags say (sock_intr_errno).
  [[nodiscard]] bool limited() const noexcept { return limit_.has_value(); }

 private:
  bool known_ = false, waits_ = false;
  std::optional<std::chrono::nanoseconds> limit_;
  std::optional<deadline> until_;
};

}  // namespace scm::inline v0_1::detail
