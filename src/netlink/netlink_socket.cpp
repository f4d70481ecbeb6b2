#include <scm/netlink/netlink_socket.hpp>

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "netlink/batch_vectors.hpp"
#include "netlink/within.hpp"

#include <algorithm>
#include <climits>

namespace scm::inline v0_1 {
namespace {

result<void> set(borrowed_fd fd, int level, int option, int value) noexcept {
  if (sys::setsockopt(fd.native_handle(), level, option, &value, sizeof value) != 0) return detail::os_failure();
  return {};
}

// Sets what an older kernel does not have; true when it has not.
result<bool> lacking(borrowed_fd fd, int option) noexcept {
  const auto done = set(fd, SOL_NETLINK, option, 1);
  if (done) return false;
  if (done.error() == std::errc::no_protocol_option) return true;
  return std::unexpected{done.error()};
}

// True when the buffer is only as large as everybody may have it.
result<bool> bounded_buffer(borrowed_fd fd, std::size_t bytes) noexcept {
  const auto size = static_cast<int>(std::min<std::size_t>(bytes, INT_MAX));
  if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, size)) return false;
  if (const auto done = set(fd, SOL_SOCKET, SO_RCVBUF, size); !done) return std::unexpected{done.error()};
  return true;
}

}  // namespace

result<netlink_socket> netlink_socket::open(netlink_family family, const netlink_options& options) noexcept {
  owned_fd fd{sys::netlink_socket(SOCK_RAW | SOCK_CLOEXEC, static_cast<int>(family))};
  if (!fd) return detail::os_failure();
  return set_up(std::move(fd), options);
}

result<netlink_socket, namespace_error> netlink_socket::open_in(borrowed_fd network_namespace, netlink_family family,
                                                                const netlink_options& options) noexcept {
  const auto failed = [](std::error_code code, std::error_code stranded = {}) {
    return std::unexpected{namespace_error{code, stranded}};
  };
  const owned_fd home{sys::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
  // Going to where one is asks for the same rights as coming back, and is the only way to ask.
  if (!home || sys::setns(home.native_handle(), CLONE_NEWNET) != 0) return failed(detail::os_error());
  if (sys::setns(network_namespace.native_handle(), CLONE_NEWNET) != 0) return failed(detail::os_error());
  owned_fd fd{sys::netlink_socket(SOCK_RAW | SOCK_CLOEXEC, static_cast<int>(family))};
  const auto refused = fd ? std::error_code{} : detail::os_error();
  if (sys::setns(home.native_handle(), CLONE_NEWNET) != 0) return failed(errc::wrong_namespace, detail::os_error());
  if (refused) return failed(refused);
  // From here on it is the socket's namespace that counts, not the thread's.
  auto made = set_up(std::move(fd), options);
  if (!made) return failed(made.error());
  return *std::move(made);
}

result<netlink_socket, namespace_error> netlink_socket::open_in(const char* network_namespace, netlink_family family,
                                                                const netlink_options& options) noexcept {
  // Not to wait for who opens a FIFO at the other end.
  const owned_fd file{sys::open(network_namespace, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!file) return std::unexpected{namespace_error{detail::os_error()}};
  return open_in(file, family, options);
}

result<netlink_socket> netlink_socket::set_up(owned_fd fd, const netlink_options& options) noexcept {
  netlink_shortfall shortfall;
  const auto settle = [](result<bool> missing, bool& into) noexcept -> std::error_code {
    if (!missing) return missing.error();
    into = *missing;
    return {};
  };
  std::error_code failure;
  if (options.extended_acks) failure = settle(lacking(fd, NETLINK_EXT_ACK), shortfall.extended_acks);
  if (!failure && options.strict_checking) {
    failure = settle(lacking(fd, NETLINK_GET_STRICT_CHK), shortfall.strict_checking);
  }
  if (!failure && options.receive_buffer) {
    failure = settle(bounded_buffer(fd, *options.receive_buffer), shortfall.receive_buffer);
  }
  if (!failure && options.credentials) {
    if (const auto done = set(fd, SOL_SOCKET, SO_PASSCRED, 1); !done) failure = done.error();
  }
  if (failure) return std::unexpected{failure};

  sockaddr_nl name{};
  name.nl_family = AF_NETLINK;
  auto* const generic = reinterpret_cast<sockaddr*>(&name);
  socklen_t size = sizeof name;
  if (sys::bind(fd.native_handle(), generic, size) != 0) return detail::os_failure();
  if (sys::getsockname(fd.native_handle(), generic, &size) != 0) return detail::os_failure();
  return netlink_socket{std::move(fd), name.nl_pid, shortfall, options.credentials};
}

result<void> netlink_socket::join(std::uint32_t group) noexcept {
  return set(fd_, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, static_cast<int>(group));
}
result<void> netlink_socket::leave(std::uint32_t group) noexcept {
  return set(fd_, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, static_cast<int>(group));
}

result<void> netlink_socket::fill(nlmsghdr& header, std::uint16_t type, std::uint16_t flags,
                                  std::size_t payload) noexcept {
  header = {};
  if (payload > limits::netlink_bytes - sizeof header) return std::unexpected{make_error_code(errc::over_limit)};
  if (++sequence_ == 0) ++sequence_;  // 0 is what nobody asked for
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + payload);
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST | NLM_F_ACK);
  header.nlmsg_seq = sequence_;
  header.nlmsg_pid = port_;
  return {};
}

result<std::uint32_t> netlink_socket::request(std::uint16_t type, std::uint16_t flags,
                                              std::span<const std::byte> payload, deadline until) noexcept {
  nlmsghdr header;
  if (const auto made = fill(header, type, flags, payload.size()); !made) return std::unexpected{made.error()};
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  iovec parts[] = {{&header, sizeof header}, {const_cast<std::byte*>(payload.data()), payload.size()}};
  msghdr message{};
  message.msg_name = &kernel;
  message.msg_namelen = sizeof kernel;
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  const auto sent = detail::within(fd_, POLLOUT, until, [&]() noexcept {
    return sys::sendmsg(fd_.native_handle(), message, MSG_NOSIGNAL | MSG_DONTWAIT);
  });
  if (!sent) return std::unexpected{sent.error()};
  if (static_cast<std::size_t>(*sent) != header.nlmsg_len) return detail::os_failure(EMSGSIZE);
  return header.nlmsg_seq;
}

result<std::size_t> netlink_socket::receive(netlink_batch& into, deadline until) noexcept {
  if (into.datagrams_.empty()) return detail::os_failure(EINVAL);
  into.arm(credentials_);
  netlink_batch::vectors& all = *into.vectors_;
  // Descriptors cannot come over netlink (kernel fact A11): control data has nothing to own.
  const auto got = detail::within(fd_, POLLIN, until, [&]() noexcept {
    return sys::recvmmsg(fd_.native_handle(), all.headers.data(), static_cast<unsigned>(all.headers.size()),
                         MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  });
  if (!got) {
    all.used = all.headers.size();  // who knows what a failed call wrote
    return std::unexpected{got.error()};
  }
  into.judge(static_cast<std::size_t>(*got));
  return into.size();
}

}  // namespace scm::inline v0_1
