/// A call of a traced program that passed a message, and what came of it.
#pragma once

#include <scm/core/cmsg.hpp>
#include <scm/core/credentials.hpp>
#include <scm/inspect/description.hpp>
#include <scm/inspect/socket_name.hpp>

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace scm::inline v0_1 {

/// Which call, whatever its number: i386 programs make theirs by socketcall(2).
enum class message_call : unsigned char { sendmsg, recvmsg, sendmmsg, recvmmsg };

/// The enumerator's own spelling: part of the output formats, and so never changed.
[[nodiscard]] SCM_API std::string_view name_of(message_call call) noexcept;

/// A descriptor in a message.
struct traced_descriptor {
  /// In the table of who made the call: of a send what it passed, of a receive what was installed. -1 for one that a
  /// receive lost.
  int number = -1;
  int sent_as = -1;  ///< Of a receive whose send is known: the sender's number.
  /// What it is, by a look at it before it is sent, or after it came. close_on_exec is that of a received one only.
  std::optional<description> what;
  std::error_code unseen;  ///< Why there is no description: EBADF when it is not open, EPERM, ESRCH, EMFILE here.
};

/// A control message that is neither descriptors nor credentials, with the beginning of its payload.
struct traced_item {
  int level = 0;
  int type = 0;
  std::size_t size = 0;  ///< Of the whole payload.
  std::vector<std::byte> payload;
  std::optional<description> process;  ///< Of a pidfd (SCM_PIDFD), which is a descriptor of the receiver's.
};

/// The send that a received message was sent by.
struct traced_origin {
  std::uint64_t number = 0;  ///< That message's.
  pid_t process = 0;
  std::string program;
  int socket = -1;  ///< The sender's.
  /// Whether it can be no other: false when a second message that was on its way at that time looks the same, and
  /// without descriptors, since write(2) and its kin are not seen.
  bool certain = true;
};

/// One message: sendmmsg(2) and recvmmsg(2) pass many.
struct traced_message {
  std::uint64_t number = 0;  ///< Counted over the whole trace, from 1 on: sends as they begin, receives as they end.
  /// Bytes that were passed; of a datagram that was cut with MSG_TRUNC asked for, its whole length.
  std::uint64_t bytes = 0;
  std::uint32_t flags = 0;         ///< msg_flags, of a receive.
  socket_name name;                ///< Whom it is sent to, where the call says so; who sent it, where the kernel does.
  std::vector<std::byte> payload;  ///< The beginning: `tracer_options::payload`.
  std::uint64_t control_room = 0;  ///< Of a receive: msg_controllen as it was asked for.

  std::vector<traced_descriptor> descriptors;
  std::vector<traced_descriptor> lost;  ///< Of a receive whose send is known: what did not come, as the sender saw it.
  std::optional<scm::credentials> credentials;
  std::vector<traced_item> items;

  std::optional<traced_origin> origin;  ///< Of a receive.
  /// Why there is not all that was passed: the kernel's own objection to the message (EFAULT, EMSGSIZE, …), `malformed`
  /// control data, EPERM for a process that cannot be looked into, `over_limit` for more than is looked at.
  std::error_code unseen;
};

/// The socket of a call, as it was then.
struct traced_socket {
  int number = -1;         ///< The program's.
  std::error_code unseen;  ///< Why nothing more is known; EBADF or ENOTSOCK, then the call fails with it.
  int family = 0;          ///< AF_*
  int type = 0;            ///< SOCK_*
  socket_name local;
  socket_name peer;
  std::uint64_t inode = 0;
  std::uint64_t peer_inode = 0;  ///< 0 when it is not known: no peer, one that nobody has accepted, one that has gone.
  /// Who connected, listened or made the pair (SO_PEERCRED), then; not who has it now. 0 if nobody.
  pid_t peer_process = 0;
};

/// One call.
struct traced_call {
  /// How it ended.
  enum class outcome : unsigned char {
    returned,     ///< With `result`.
    failed,       ///< With `error`.
    interrupted,  ///< By a signal; whether it is made anew, and is another call here, is the signal's handler's.
    unfinished,   ///< Its thread ended, or executed a program, in the middle of it.
  };

  std::chrono::system_clock::time_point time;  ///< When it was made.
  std::chrono::nanoseconds took{};             ///< Until it returned.
  pid_t thread = 0;
  pid_t process = 0;
  std::string program;  ///< /proc/PID/comm: at most 15 bytes, any but NUL (`safe_text`).

  message_call call{};
  abi layout{};
  traced_socket socket;
  std::uint32_t flags = 0;  ///< MSG_*, as the call was given them.
  outcome ended{};
  std::int64_t result = 0;
  int error = 0;  ///< errno(3)

  /// One for sendmsg and recvmsg. For the others those that were passed, or tried if none was; of many only the first
  /// (`over_limit` in `unseen`).
  std::vector<traced_message> messages;
  std::error_code unseen;  ///< Why messages are missing.
};

[[nodiscard]] constexpr bool is_send(message_call call) noexcept {
  return call == message_call::sendmsg || call == message_call::sendmmsg;
}

/// A message with descriptors that was sent and that no traced program has received.
struct unreceived_message {
  std::uint64_t number = 0;
  pid_t process = 0;
  std::string program;
  traced_socket socket;
  std::vector<traced_descriptor> descriptors;
  /// One that was sent after it by the same way was received: so it has been, too, by a call that takes no descriptors
  /// (read(2), recv(2)), and they are closed.
  bool passed_over = false;
  bool certain = true;  ///< False when one that looks the same was received, which may have been this.
};

}  // namespace scm::inline v0_1
