/// A netlink socket (netlink(7)): asks the kernel, and hears what it tells by itself.
#pragma once

#include <scm/core/deadline.hpp>
#include <scm/core/fd.hpp>
#include <scm/netlink/namespace_error.hpp>
#include <scm/netlink/netlink_batch.hpp>
#include <scm/netlink/netlink_family.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

struct nlmsghdr;

namespace scm::inline v0_1 {

struct netlink_options {
  /// SO_RCVBUFFORCE, and where that is not permitted SO_RCVBUF, which net.core.rmem_max bounds; the kernel doubles it.
  /// No value: net.core.rmem_default.
  std::optional<std::size_t> receive_buffer{};
  bool extended_acks = true;    ///< NETLINK_EXT_ACK: the kernel says in words what was wrong (Linux 4.12).
  bool strict_checking = true;  ///< NETLINK_GET_STRICT_CHK: what a dump does not understand is refused (Linux 4.20).
  /// SO_PASSCRED: each datagram has `netlink_datagram::credentials`. For uevents: what a process that may makes the
  /// kernel tell others comes from the kernel's address.
  bool credentials = false;
};

/// What was asked for and is not there: the socket works without.
struct netlink_shortfall {
  bool extended_acks = false;    ///< This kernel has none.
  bool strict_checking = false;  ///< This kernel has none.
  bool receive_buffer = false;   ///< Not forced: it is as large as net.core.rmem_max allows.
  friend bool operator==(const netlink_shortfall&, const netlink_shortfall&) noexcept = default;
};

/// Threads: one that sends and one that receives, at the same time.
class SCM_API netlink_socket {
 public:
  /// A socket of `family` on a port that the kernel chose. Errors: EPROTONOSUPPORT for a family that this kernel is
  /// built without, EMFILE and others of socket(2), setsockopt(2), bind(2).
  [[nodiscard]] static result<netlink_socket> open(netlink_family family, const netlink_options& options = {}) noexcept;

  /// The same in another network namespace, which the calling thread goes to for one socket(2) and comes back from. It
  /// is told by a descriptor of it (/proc/PID/ns/net, /run/netns/NAME), by a pidfd of a process in it, or by such a
  /// path; opening the path waits for nobody. Other threads stay where they are.
  ///
  /// That it may come back is asked before it leaves, so that a refusal costs nothing: that takes CAP_SYS_ADMIN in the
  /// user namespaces of both, and /proc (setns(2)). Errors: `wrong_namespace` alone says that the thread did not come
  /// back, see `namespace_error`; EPERM, EINVAL for what is no network namespace, ENOENT and others of open(2), and
  /// those of `open`.
  [[nodiscard]] static result<netlink_socket, namespace_error> open_in(borrowed_fd network_namespace,
                                                                       netlink_family family,
                                                                       const netlink_options& options = {}) noexcept;
  [[nodiscard]] static result<netlink_socket, namespace_error> open_in(const char* network_namespace,
                                                                       netlink_family family,
                                                                       const netlink_options& options = {}) noexcept;

  /// For an event loop; POLLIN says that a receive has something to say.
  [[nodiscard]] borrowed_fd fd() const& noexcept { return fd_; }
  borrowed_fd fd() const&& = delete;
  /// Our address, never 0.
  [[nodiscard]] std::uint32_t port() const noexcept { return port_; }
  [[nodiscard]] const netlink_shortfall& shortfall() const noexcept { return shortfall_; }

  /// A multicast group, by its number and not by its bit. Errors: EINVAL for none of this family's, EPERM.
  [[nodiscard]] result<void> join(std::uint32_t group) noexcept;
  [[nodiscard]] result<void> leave(std::uint32_t group) noexcept;

  /// Sends the kernel a message of this type with NLM_F_REQUEST, NLM_F_ACK and `flags`: `payload` is its fixed part and
  /// its attributes, padded as they must be. Returns its sequence number: that of the answer, which `netlink_reply`
  /// reads. Errors: those of sendmsg(2), ECONNREFUSED where this network namespace has nobody to answer; `over_limit`
  /// for a payload that no header can count.
  [[nodiscard]] result<std::uint32_t> request(std::uint16_t type, std::uint16_t flags,
                                              std::span<const std::byte> payload,
                                              deadline until = no_deadline) noexcept;

  /// Receives the datagrams that are there, as many as fit into `into`, and says how many: 1 at least. Waits for the
  /// first alone. One that did not fit is `payload_cut` in its own `loss`.
  ///
  /// Errors: ENOBUFS (`std::errc::no_buffer_space`) when the receive buffer ran over: messages to groups are lost, and
  /// so is what was made of them; the socket goes on. EAGAIN, `timed_out`, and others of recvmmsg(2).
  [[nodiscard]] result<std::size_t> receive(netlink_batch& into, deadline until = no_deadline) noexcept;

 private:
  friend class netlink_requests;
  result<void> fill(nlmsghdr& header, std::uint16_t type, std::uint16_t flags, std::size_t payload) noexcept;
  static result<netlink_socket> set_up(owned_fd fd, const netlink_options& options) noexcept;
  netlink_socket(owned_fd fd, std::uint32_t port, netlink_shortfall shortfall, bool credentials) noexcept
      : fd_{std::move(fd)}, port_{port}, shortfall_{shortfall}, credentials_{credentials} {}

  owned_fd fd_;
  std::uint32_t port_;
  std::uint32_t sequence_ = 0;
  netlink_shortfall shortfall_;
  bool credentials_;
};

}  // namespace scm::inline v0_1
