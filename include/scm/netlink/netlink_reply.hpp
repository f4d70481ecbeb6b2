/// The answer to one request, message by message.
#pragma once

#include <scm/netlink/acknowledgement.hpp>
#include <scm/netlink/netlink_socket.hpp>

namespace scm::inline v0_1 {

/// Reads what answers a request, and passes over everything else: what others than the kernel sent, what was told to
/// groups, what is left of an earlier answer. So let a socket that asks join no groups.
///
///     netlink_reply reply{socket, batch, socket.request(type, NLM_F_DUMP, payload).value(), in(5s)};
///     for (;;) {
///       const auto message = reply.next();
///       if (!message) return message.error();  // .text() has the kernel's words
///       if (!*message) break;
///       use(**message);
///     }
///
/// Borrows the socket and the batch, which nobody else may receive from or into meanwhile.
class SCM_API netlink_reply {
 public:
  netlink_reply(netlink_socket& socket, netlink_batch& batch, std::uint32_t sequence,
                deadline until = no_deadline) noexcept
      : socket_{&socket}, batch_{&batch}, sequence_{sequence}, until_{until} {}

  /// The next message, whose bytes live until the one after it; no value at the end.
  ///
  /// Errors, after each of which the answer is over: the kernel's; `payload_cut` when a datagram did not fit the batch;
  /// `malformed`; and those of `netlink_socket::receive`, of which `timed_out` and EAGAIN alone can be tried again.
  [[nodiscard]] result<std::optional<netlink_message>, netlink_error> next() noexcept { return next_until(until_); }
  /// Never waits: EAGAIN when nothing has come yet.
  [[nodiscard]] result<std::optional<netlink_message>, netlink_error> try_next() noexcept {
    return next_until(dont_wait);
  }

  /// Goes on with the answer to a request that was sent after this one: what of it has been received is not lost.
  void turn_to(std::uint32_t sequence) noexcept {
    sequence_ = sequence;
    inconsistent_ = over_ = false;
  }

  /// What was listed changed meanwhile (NLM_F_DUMP_INTR): entries can be missing, or come twice. Ask again.
  [[nodiscard]] bool inconsistent() const noexcept { return inconsistent_; }

 private:
  result<std::optional<netlink_message>, netlink_error> next_until(deadline until) noexcept;
  [[nodiscard]] bool is_ours(const netlink_datagram& datagram) const noexcept {
    return (datagram.loss ? datagram.sender == 0 : datagram.from_kernel()) && datagram.groups == 0;
  }

  netlink_socket* socket_;
  netlink_batch* batch_;
  std::uint32_t sequence_;
  deadline until_;
  std::size_t next_datagram_ = 0;
  std::size_t datagrams_ = 0;
  netlink_walk walk_{{}};
  bool inconsistent_ = false;
  bool over_ = false;
};

}  // namespace scm::inline v0_1
