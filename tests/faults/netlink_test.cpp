// Netlink from a kernel that does something else: an older one, one that interrupts its lists, and one that lies.
#include "netlink/built.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"

#include <scm/channel.hpp>
#include <scm/netlink.hpp>

#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#include <cstring>
#include <vector>

using namespace scm;
using namespace scm::test;

namespace {

// Answers the n-th receive with the n-th of these datagrams, as if the kernel had sent it, and then with nothing.
class scripted {
 public:
  explicit scripted(std::vector<std::vector<std::byte>> datagrams, std::uint32_t sender = 0, std::uint32_t groups = 0)
      : datagrams_{std::move(datagrams)},
        installed_{[this, sender, groups](sys::call which, void* argument, long& result) {
          if (which != sys::call::recvmmsg) return false;
          if (next_ == datagrams_.size()) {
            errno = EIO;
            result = -1;
            return true;
          }
          const auto& bytes = datagrams_[next_++];
          mmsghdr& one = *static_cast<sys::messages_asked*>(argument)->headers;
          std::memcpy(one.msg_hdr.msg_iov->iov_base, bytes.data(), bytes.size());
          one.msg_len = static_cast<unsigned>(bytes.size());
          sockaddr_nl name{};
          name.nl_family = AF_NETLINK;
          name.nl_pid = sender;
          name.nl_groups = groups;
          std::memcpy(one.msg_hdr.msg_name, &name, sizeof name);
          one.msg_hdr.msg_namelen = sizeof name;
          result = 1;
          return true;
        }} {}
  [[nodiscard]] std::size_t answered() const { return next_; }

 private:
  std::vector<std::vector<std::byte>> datagrams_;
  std::size_t next_ = 0;
  faults installed_;
};

std::vector<std::byte> entry(std::uint32_t sequence, std::uint16_t flags, std::uint32_t inode) {
  const auto payload = built{}.number(unix_diag_msg{AF_UNIX, SOCK_STREAM, 1, 0, inode, {}}).bytes;
  return built{}.message(SOCK_DIAG_BY_FAMILY, flags, sequence, 0, payload).bytes;
}
std::vector<std::byte> end(std::uint32_t sequence, std::uint16_t flags = 0, std::int32_t error = 0) {
  return built{}.message(NLMSG_DONE, flags, sequence, 0, built{}.number(error).bytes).bytes;
}

}  // namespace

TEST_CASE("options that an older kernel lacks are told, and the socket works without", "[netlink]") {
  auto socket = [] {
    const failing old{sys::call::setsockopt, ENOPROTOOPT};
    return netlink_socket::open(netlink_family::route).value();
  }();
  CHECK(socket.shortfall() == netlink_shortfall{.extended_acks = true, .strict_checking = true});
  CHECK(socket.port() != 0);
  auto unforced = [] {
    const failing unprivileged{sys::call::setsockopt, EPERM, 1, 1};
    return netlink_socket::open(netlink_family::route,
                                {.receive_buffer = 4096, .extended_acks = false, .strict_checking = false})
        .value();
  }();
  CHECK(unforced.shortfall() == netlink_shortfall{.receive_buffer = true});
}

TEST_CASE("a list that changed while it was made is asked for again", "[netlink]") {
  const scripted kernel{{entry(1, NLM_F_DUMP_INTR, 5), end(1), entry(2, 0, 6), end(2)}};
  const auto list = list_unix_sockets();
  REQUIRE(list);
  CHECK_FALSE(list->inconsistent);
  REQUIRE(list->sockets.size() == 1);
  CHECK(list->sockets[0].inode == 6);
}

TEST_CASE("a list that changes each time is given up on, and says so", "[netlink]") {
  std::vector<std::vector<std::byte>> answers;
  for (std::uint32_t i = 1; i != 20; ++i) answers.push_back(end(i, NLM_F_DUMP_INTR));
  const scripted kernel{answers};
  const auto list = list_unix_sockets();
  REQUIRE(list);
  CHECK(list->inconsistent);
  CHECK(kernel.answered() == limits::netlink_dump_attempts);
}

TEST_CASE("a kernel without the list has no support for it", "[netlink]") {
  const scripted kernel{{end(1, 0, -ENOENT)}};
  CHECK(list_unix_sockets().error().code() == errc::unsupported);
}

TEST_CASE("an answer that another process or a group could have had is not believed", "[netlink]") {
  for (const auto& [sender, groups] : {std::pair{77U, 0U}, {0U, 1U}}) {
    const scripted other{{end(1)}, sender, groups};
    CHECK(list_unix_sockets().error().code().value() == EIO);  // what comes next
  }
}

TEST_CASE("what answers another request is passed over", "[netlink]") {
  const scripted kernel{{entry(9, 0, 5), end(9), end(0), entry(1, 0, 6), end(1)}};
  const auto list = list_unix_sockets();
  REQUIRE(list);
  REQUIRE(list->sockets.size() == 1);
  CHECK(list->sockets[0].inode == 6);
}

TEST_CASE("an overrun, a refusal and a malformed datagram end an answer, each with its own error", "[netlink]") {
  const auto code = [](std::vector<std::byte> datagram) {
    const scripted kernel{{std::move(datagram)}};
    return list_unix_sockets().error().code();
  };
  CHECK(code(built{}.message(NLMSG_OVERRUN, 0, 1, 0, {}).bytes) == std::errc::no_buffer_space);
  CHECK(code(end(1, 0, -EPERM)) == std::errc::operation_not_permitted);
  CHECK(code(built{}.header(15, 0, 0, 1, 0).bytes) == errc::malformed);
  CHECK(code(built{}.message(NLMSG_ERROR, 0, 1, 0, {}).bytes) == errc::malformed);
  CHECK(code(built{}.message(SOCK_DIAG_BY_FAMILY, 0, 1, 0, {}).bytes) == errc::malformed);
  const failing overrun{sys::call::recvmmsg, ENOBUFS, 1, 1};
  CHECK(list_unix_sockets().error().code() == std::errc::no_buffer_space);
}

TEST_CASE("a datagram without a sender is lost, and a count beyond what was asked for is held to it", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route).value();
  auto batch = netlink_batch::make(2, 64).value();
  const faults lying{[](sys::call which, void* argument, long& result) {
    if (which != sys::call::recvmmsg) return false;
    auto* const headers = static_cast<sys::messages_asked*>(argument)->headers;
    headers[0].msg_hdr.msg_namelen = 0;
    headers[1].msg_len = 1 << 20;
    static_cast<sockaddr_nl*>(headers[1].msg_hdr.msg_name)->nl_family = AF_NETLINK;
    result = 1000;
    return true;
  }};
  REQUIRE(socket.receive(batch) == 2U);
  CHECK(batch[0].loss == errc::malformed);
  CHECK_FALSE(batch[0].from_kernel());
  CHECK(batch[0].bytes.empty());
  CHECK_FALSE(batch[1].loss);
  CHECK(batch[1].bytes.size() == 64);
}
