/// Every Unix socket of a network namespace, as the kernel lists them (sock_diag(7)).
#pragma once

#include <scm/core/address.hpp>
#include <scm/core/deadline.hpp>
#include <scm/netlink/acknowledgement.hpp>
#include <scm/netlink/netlink_socket.hpp>

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace scm::inline v0_1 {

/// Where a socket stands: `connected` stays so when its peer has gone.
enum class unix_socket_state : unsigned char { unknown, unconnected, connected, listening };

/// The enumerator's own spelling: part of the output formats, and so never changed.
[[nodiscard]] SCM_API std::string_view name_of(unix_socket_state state) noexcept;

/// One socket. What a part without a value says the kernel did not tell: it was gone again, or there is none.
struct unix_socket {
  int type = 0;  ///< SOCK_*
  unix_socket_state state = unix_socket_state::unknown;
  /// The socket's own, which stat(2) of a descriptor has too, and "socket:[N]" in /proc/PID/fd. Used again once the
  /// socket is gone.
  std::uint32_t inode = 0;
  std::uint64_t cookie = 0;  ///< Never used again.
  scm::address address;      ///< What it is bound to; that of an accepted one is the listener's.

  /// The file that a path stood for when it was bound: its inode, and the kernel's own number of its device.
  struct file {
    std::uint32_t inode = 0;
    std::uint32_t device = 0;
    friend bool operator==(const file&, const file&) noexcept = default;
  };
  std::optional<file> bound_file;

  /// The inode of the socket it is connected to; 0 while nobody has accepted the connection, whose end there has none
  /// and is not in the list.
  std::optional<std::uint32_t> peer;
  std::vector<std::uint32_t> pending;  ///< Of a listener: the inodes of those that wait to be accepted.

  struct queues {
    /// Bytes to be received; of a datagram socket those of the next message, of a listener the connections that wait.
    std::uint32_t receive = 0;
    /// Memory of what was sent and not yet received, overhead included; of a listener how many may wait.
    std::uint32_t send = 0;
    friend bool operator==(const queues&, const queues&) noexcept = default;
  };
  std::optional<queues> queued;

  std::optional<uid_t> user;  ///< Who made it, in the user namespace of the asking socket's (Linux 5.3).
  bool receives = true;       ///< False once it was shut down for receiving.
  bool sends = true;          ///< False once it was shut down for sending.

  friend bool operator==(const unix_socket&, const unix_socket&) noexcept = default;
};

/// Decodes one entry of the kernel's list, the payload of a SOCK_DIAG_BY_FAMILY message. Faults: an entry too short, of
/// another family, or with attributes that break the rules or are not of their type's size. Attributes of newer kernels
/// are ignored. Errors besides: `not_enough_memory`.
[[nodiscard]] SCM_API result<unix_socket, netlink_error> decode_unix_socket(const netlink_message& message) noexcept;

struct unix_socket_list {
  std::vector<unix_socket> sockets;  ///< In no order. Not one moment's: sockets come and go while it is made.
  bool inconsistent = false;         ///< The kernel said each time that the list changed under it (NLM_F_DUMP_INTR).
};

/// Asks for all of this network namespace's sockets, which takes no privilege.
///
/// Errors: `unsupported` when the kernel has no UNIX_DIAG; `over_limit` for more than `most`; `not_enough_memory`;
/// `timed_out`, and those of `netlink_socket::open` and of `netlink_reply`.
[[nodiscard]] SCM_API result<unix_socket_list, netlink_error> list_unix_sockets(
    deadline until = no_deadline, std::size_t most = limits::unix_sockets) noexcept;
/// Those of the network namespace that `asked` is in, which is a socket of `netlink_family::sock_diag` and has joined
/// no groups.
[[nodiscard]] SCM_API result<unix_socket_list, netlink_error> list_unix_sockets(
    netlink_socket& asked, deadline until = no_deadline, std::size_t most = limits::unix_sockets) noexcept;

}  // namespace scm::inline v0_1
