// Netlink from a kernel that does something else: an older one, one that interrupts its lists, and one that lies.
#include "netlink/built.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/skip.hpp"

#include <scm/channel.hpp>
#include <scm/netlink.hpp>

#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

#include <cerrno>
#include <cstring>
#include <utility>
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

TEST_CASE("a thread that cannot come back from another namespace is told so, whatever else went wrong", "[netlink]") {
  const owned_fd here{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};  // where nobody gets lost
  if (!netlink_socket::open_in(here, netlink_family::route)) SCM_SKIP("network namespaces are for the privileged");
  const auto hop = [&](int first, int last, int no_socket = 0) {
    int asked = 0;
    const faults failing{[&](sys::call which, void*, long& result) {
      const bool nowhere = which == sys::call::setns && ++asked >= first && asked <= last;
      const bool none = which == sys::call::socket && no_socket != 0;
      if (!nowhere && !none) return false;
      errno = none ? no_socket : ENOMEM;
      result = -1;
      return true;
    }};
    const auto got = netlink_socket::open_in(here, netlink_family::route);
    REQUIRE_FALSE(got);
    return std::pair{got.error(), asked};
  };
  const std::error_code no_memory{ENOMEM, std::system_category()};
  for (const int no_socket : {0, EMFILE}) {
    const auto [lost, asked] = hop(3, 3, no_socket);
    CHECK(asked == 3);
    CHECK(lost == errc::wrong_namespace);
    CHECK(lost.stranded == no_memory);
  }
  // On the way there it is where it was.
  for (const int nth : {1, 2}) {
    const auto [refused, asked] = hop(nth, nth);
    CHECK(asked == nth);
    CHECK(refused == no_memory);
    CHECK_FALSE(refused.stranded);
  }
  const auto [returned, asked] = hop(0, 0, EMFILE);
  CHECK(asked == 3);
  CHECK(returned == std::errc::too_many_files_open);
  CHECK_FALSE(returned.stranded);
}

TEST_CASE("a datagram without the credentials that were asked for is lost", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route, {.credentials = true}).value();
  auto batch = netlink_batch::make(3, 64).value();
  const faults lying{[](sys::call which, void* argument, long& result) {
    if (which != sys::call::recvmmsg) return false;
    auto* const headers = static_cast<sys::messages_asked*>(argument)->headers;
    const auto control = [headers](int i, std::size_t claimed) {
      const cmsghdr credentials{CMSG_LEN(sizeof(ucred)), SOL_SOCKET, SCM_CREDENTIALS};
      msghdr& header = headers[i].msg_hdr;
      static_cast<sockaddr_nl*>(header.msg_name)->nl_family = AF_NETLINK;
      std::memcpy(header.msg_control, &credentials, sizeof credentials);  // and process 0, which was there
      header.msg_controllen = claimed;
    };
    control(0, 0);
    control(1, CMSG_LEN(sizeof(ucred)) - 1);
    control(2, std::size_t{1} << 40);
    result = 3;
    return true;
  }};
  REQUIRE(socket.receive(batch) == 3U);
  for (const std::size_t i : {0U, 1U}) {
    CHECK(batch[i].loss == errc::malformed);
    CHECK_FALSE(batch[i].from_kernel());
  }
  CHECK(batch[2].from_kernel());
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

TEST_CASE("what the kernel took of several requests is not sent again, not even what it cut", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route).value();
  auto requests = netlink_requests::make(socket, 4).value();
  for (int i = 0; i != 4; ++i) REQUIRE(requests.add(16, 0, built{}.number(i).bytes_of("four").bytes));
  int taken = 1000;
  unsigned cut = 0;
  const faults kernel{[&](sys::call which, void* argument, long& result) {
    if (which != sys::call::sendmmsg) return false;
    const auto& [headers, count] = *static_cast<sys::messages_asked*>(argument);
    for (unsigned i = 0; i != count; ++i) headers[i].msg_len = 24 - cut;
    result = taken;
    return true;
  }};
  taken = 1;
  CHECK(requests.send() == 1U);
  CHECK(requests.size() == 3);
  cut = 1;
  CHECK(requests.send().error() == std::errc::message_size);
  CHECK(requests.size() == 2);
  cut = 0;
  taken = 1000;
  CHECK(requests.send() == 2U);
  CHECK(requests.empty());
  CHECK(requests.send() == 0U);
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
