#include <scm/netlink/netlink_requests.hpp>

#include "core/sys.hpp"
#include "netlink/within.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace scm::inline v0_1 {

struct netlink_requests::vectors {
  struct parts {
    nlmsghdr header{};
    iovec both[2]{};
  };

  std::vector<mmsghdr> headers;
  std::vector<parts> messages;
  sockaddr_nl kernel{};

  explicit vectors(std::size_t count) : headers(count), messages(count) { kernel.nl_family = AF_NETLINK; }
};

netlink_requests::netlink_requests(netlink_socket& through) noexcept : through_{&through} {}
netlink_requests::netlink_requests(netlink_requests&& other) noexcept
    : through_{other.through_},
      vectors_{std::move(other.vectors_)},
      first_{std::exchange(other.first_, 0)},
      end_{std::exchange(other.end_, 0)} {}
netlink_requests& netlink_requests::operator=(netlink_requests&& other) noexcept {
  if (this != &other) {
    through_ = other.through_;
    vectors_ = std::move(other.vectors_);
    first_ = std::exchange(other.first_, 0);
    end_ = std::exchange(other.end_, 0);
  }
  return *this;
}
netlink_requests::~netlink_requests() = default;

result<netlink_requests> netlink_requests::make(netlink_socket& through, std::size_t requests) noexcept {
  if (requests == 0 || requests > limits::messages_per_batch) {
    return std::unexpected{std::make_error_code(std::errc::invalid_argument)};
  }
  netlink_requests made{through};
  try {
    made.vectors_ = std::make_unique<vectors>(requests);
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  return made;
}

std::size_t netlink_requests::capacity() const noexcept { return vectors_ ? vectors_->headers.size() : 0; }

result<std::uint32_t> netlink_requests::add(std::uint16_t type, std::uint16_t flags,
                                            std::span<const std::byte> payload) noexcept {
  if (end_ == capacity()) return std::unexpected{make_error_code(errc::over_limit)};
  vectors& all = *vectors_;
  auto& [header, both] = all.messages[end_];
  if (const auto made = through_->fill(header, type, flags, payload.size()); !made) {
    return std::unexpected{made.error()};
  }
  both[0] = {&header, sizeof header};
  both[1] = {const_cast<std::byte*>(payload.data()), payload.size()};  // which the kernel only reads
  all.headers[end_] = {};
  msghdr& message = all.headers[end_].msg_hdr;
  message.msg_name = &all.kernel;
  message.msg_namelen = sizeof all.kernel;
  message.msg_iov = both;
  message.msg_iovlen = 2;
  ++end_;
  return header.nlmsg_seq;
}

result<std::size_t> netlink_requests::send(deadline until) noexcept {
  if (empty()) return 0;
  vectors& all = *vectors_;
  const std::size_t asked = size();
  const auto sent = detail::within(through_->fd(), POLLOUT, until, [&]() noexcept {
    return sys::sendmmsg(through_->fd().native_handle(), &all.headers[first_], static_cast<unsigned>(asked),
                         MSG_NOSIGNAL | MSG_DONTWAIT);
  });
  if (!sent) return std::unexpected{sent.error()};
  const std::size_t count = std::min(static_cast<std::size_t>(*sent), asked);
  bool cut = false;
  for (std::size_t i = first_; i != first_ + count; ++i) {
    cut = cut || all.headers[i].msg_len != all.messages[i].header.nlmsg_len;
  }
  drop(count);
  if (cut) return detail::os_failure(EMSGSIZE);
  return count;
}

}  // namespace scm::inline v0_1
