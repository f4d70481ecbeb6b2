#include <scm/netlink/netlink_batch.hpp>

#include "netlink/batch_vectors.hpp"

#include <scm/core/control_items.hpp>
#include <scm/core/limits.hpp>

#include <algorithm>

namespace scm::inline v0_1 {
namespace {

std::optional<credentials> credentials_in(std::span<const std::byte> control) noexcept {
  control_view walk{control};
  while (const auto message = walk.next()) {
    if (kind_of(*message) != control_kind::credentials) continue;
    if (const auto found = as_credentials(*message)) return *found;
  }
  return {};
}

}  // namespace

netlink_batch::netlink_batch() noexcept = default;
netlink_batch::netlink_batch(netlink_batch&& other) noexcept
    : vectors_{std::move(other.vectors_)},
      datagrams_{std::exchange(other.datagrams_, {})},
      count_{std::exchange(other.count_, 0)} {}
netlink_batch& netlink_batch::operator=(netlink_batch&& other) noexcept {
  if (this != &other) {
    vectors_ = std::move(other.vectors_);
    datagrams_ = std::exchange(other.datagrams_, {});
    count_ = std::exchange(other.count_, 0);
  }
  return *this;
}
netlink_batch::~netlink_batch() = default;

result<netlink_batch> netlink_batch::make(std::size_t datagrams, std::size_t bytes) noexcept {
  if (datagrams == 0 || datagrams > limits::netlink_datagrams_per_batch || bytes == 0 ||
      bytes > limits::netlink_bytes) {
    return std::unexpected{std::make_error_code(std::errc::invalid_argument)};
  }
  const auto no_memory = std::make_error_code(std::errc::not_enough_memory);
  if (bytes > SIZE_MAX / datagrams) return std::unexpected{no_memory};
  netlink_batch made;
  try {
    made.vectors_ = std::make_unique<vectors>(datagrams, bytes);
    made.datagrams_ = std::vector<netlink_datagram>(datagrams);
  } catch (...) {
    return std::unexpected{no_memory};
  }
  return made;
}

void netlink_batch::arm(bool credentials) noexcept {
  count_ = 0;
  vectors& all = *vectors_;
  if (std::exchange(all.credentials, credentials) != credentials) all.used = all.headers.size();
  for (std::size_t i = 0; i != all.used; ++i) {
    all.headers[i] = {};
    msghdr& header = all.headers[i].msg_hdr;
    header.msg_iov = &all.rooms[i];
    header.msg_iovlen = 1;
    all.names[i] = {};
    header.msg_name = &all.names[i];
    header.msg_namelen = sizeof all.names[i];
    if (!credentials) continue;
    all.controls[i] = {};
    header.msg_control = all.controls[i].bytes.data();
    header.msg_controllen = sizeof all.controls[i];
  }
  all.used = 0;
}

void netlink_batch::judge(std::size_t count) noexcept {
  vectors& all = *vectors_;
  count_ = all.used = std::min(count, datagrams_.size());
  for (std::size_t i = 0; i != count_; ++i) {
    const mmsghdr& header = all.headers[i];
    netlink_datagram& one = datagrams_[i];
    one = {};
    const bool named = header.msg_hdr.msg_namelen >= sizeof(sockaddr_nl) && all.names[i].nl_family == AF_NETLINK;
    one.sender = all.names[i].nl_pid;
    one.groups = all.names[i].nl_groups;
    if (all.credentials) {
      const std::span room{all.controls[i].bytes};
      one.credentials = credentials_in(room.first(std::min<std::size_t>(header.msg_hdr.msg_controllen, room.size())));
    }
    if (!named || (all.credentials && !one.credentials)) {
      one.loss = errc::malformed;
    } else if ((header.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
      one.loss = errc::payload_cut;
    } else {
      one.bytes = {static_cast<const std::byte*>(all.rooms[i].iov_base),
                   std::min<std::size_t>(header.msg_len, all.rooms[i].iov_len)};
    }
  }
}

}  // namespace scm::inline v0_1
