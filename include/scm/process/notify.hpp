/// Telling whoever started this program how it is, and being told: the protocol of sd_notify(3).
#pragma once

#include <scm/channel/datagram.hpp>
#include <scm/core/address.hpp>
#include <scm/core/borrowed_fds.hpp>
#include <scm/core/deadline.hpp>
#include <scm/core/descriptor_list.hpp>
#include <scm/core/result.hpp>

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace scm::inline v0_1 {

/// Sends to the socket that NOTIFY_SOCKET names. Where there is none, because nobody wants to know, every call succeeds
/// and does nothing: a daemon calls them in any case. For one thread at a time.
class SCM_API notifier {
 public:
  /// The variable is gone from the environment afterwards, so that no child speaks in this program's name; call it at
  /// the start of main(), before other threads use the environment. Errors: `bad_address` for a name that is none;
  /// `unsupported` for a vsock: one; socket(2)'s.
  [[nodiscard]] static result<notifier> from_environment() noexcept;
  /// To an address that is known otherwise. Errors: socket(2)'s.
  [[nodiscard]] static result<notifier> to(const address& manager) noexcept;

  notifier() noexcept = default;
  [[nodiscard]] explicit operator bool() const noexcept { return socket_.has_value(); }

  /// Lines of NAME=value, with a newline between two of them. The kernel says who sent them. Errors: sendmsg(2)'s,
  /// ECONNREFUSED when the manager is gone; `timed_out`; `empty_message`.
  [[nodiscard]] result<void> send(std::string_view lines, borrowed_fds descriptors = {},
                                  deadline until = no_deadline) noexcept;
  [[nodiscard]] result<void> ready(deadline until = no_deadline) noexcept { return send("READY=1", {}, until); }
  /// Has the manager keep descriptors, for this program's next life: FDSTORE=1 and FDNAME=`name`, which is checked as
  /// `is_fd_name`. They stay open here. At most 253.
  [[nodiscard]] result<void> store(std::string_view name, borrowed_fds descriptors,
                                   deadline until = no_deadline) noexcept;
  /// Waits until the manager has read all that was sent before (BARRIER=1), by the end of a socket that it closes.
  [[nodiscard]] result<void> barrier(deadline until) noexcept;

 private:
  std::optional<datagram> socket_;
  address manager_;
};

/// One message to a manager. Its text is lent by the socket, until the next receive.
struct notification {
  std::string_view lines;
  /// Who sent it, by the kernel's word for each message. pid 0: from a PID namespace that is none of ours.
  credentials sender;
  owned_fd sender_pidfd;  ///< From Linux 6.5 on; empty before.
  descriptor_list descriptors;

  /// The value of the first line that begins with `name` and "=".
  [[nodiscard]] SCM_API std::optional<std::string_view> value(std::string_view name) const noexcept;
};

/// The manager's end: a datagram socket at an address that is given to programs as NOTIFY_SOCKET.
class SCM_API notify_socket {
 public:
  /// Most bytes of a message, and most descriptors: what systemd takes.
  static constexpr std::size_t most_bytes = 4096;
  static constexpr std::size_t most_descriptors = 253;

  /// Errors: those of `datagram::bind`; `not_enough_memory`.
  [[nodiscard]] static result<notify_socket> bind(const address& at, const bind_options& file = {}) noexcept;

  [[nodiscard]] borrowed_fd fd() const noexcept { return socket_.fd(); }
  [[nodiscard]] result<address> local_address() const noexcept { return socket_.local_address(); }

  /// The next message. What does not come whole is an error and closed, and the next can be received: a hostile
  /// sender costs one message. What BARRIER=1 came with must be closed by the caller, as everything is that is not
  /// taken out of the notification. Errors: those of `channel::receive`; `malformed` for a message without a sender.
  [[nodiscard]] result<notification, receive_error> receive(deadline until = no_deadline) noexcept;

 private:
  notify_socket(datagram&& socket, std::vector<char>&& room) noexcept
      : socket_{static_cast<datagram&&>(socket)}, room_{static_cast<std::vector<char>&&>(room)} {}

  datagram socket_;
  std::vector<char> room_;
};

}  // namespace scm::inline v0_1
