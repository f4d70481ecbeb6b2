#include <scm/netlink/netlink_reply.hpp>

#include "core/os_error.hpp"

namespace scm::inline v0_1 {

result<std::optional<netlink_message>, netlink_error> netlink_reply::next_until(deadline until) noexcept {
  const auto failed = [this](const netlink_error& why) {
    over_ = true;
    return std::unexpected{why};
  };
  if (over_) return std::nullopt;
  for (;;) {
    while (const auto message = walk_.next()) {
      // Not every part of the kernel says whom it answers.
      if (message->sequence != sequence_ || (message->port != 0 && message->port != socket_->port())) continue;
      if ((message->flags & NLM_F_DUMP_INTR) != 0) inconsistent_ = true;
      if (message->type == NLMSG_NOOP) continue;
      if (message->type == NLMSG_OVERRUN) return failed(detail::os_error(ENOBUFS));
      if (message->type != NLMSG_ERROR && message->type != NLMSG_DONE) return message;
      const auto said = decode_acknowledgement(*message);
      if (!said) return failed(said.error());
      if (said->error != 0) return failed(netlink_error{*said});
      over_ = true;
      return std::nullopt;
    }
    if (walk_.error()) return failed(*walk_.error());

    if (next_datagram_ == datagrams_) {
      next_datagram_ = datagrams_ = 0;
      const auto got = socket_->receive(*batch_, until);
      if (!got) {
        over_ = !detail::would_block(got.error()) && got.error() != std::errc::timed_out;
        return std::unexpected{netlink_error{got.error()}};
      }
      datagrams_ = *got;
      continue;
    }
    const netlink_datagram& datagram = (*batch_)[next_datagram_++];
    if (!is_ours(datagram)) continue;
    if (datagram.loss) return failed(*datagram.loss);
    walk_ = netlink_walk{datagram.bytes};
  }
}

}  // namespace scm::inline v0_1
