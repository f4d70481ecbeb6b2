// Netlink sockets against the running kernel: links, families by name, refusals in words, groups, lost datagrams.
#include "netlink/built.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"

#include <scm/netlink.hpp>

#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <set>
#include <string>
#include <vector>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

netlink_batch room(std::size_t datagrams = 4, std::size_t bytes = limits::netlink_datagram_bytes) {
  return netlink_batch::make(datagrams, bytes).value();
}

std::vector<std::byte> all_links() { return built{}.number(ifinfomsg{}).bytes; }

std::string name_of_link(const netlink_message& message) {
  netlink_attribute_walk walk{message.payload, sizeof(ifinfomsg)};
  std::string name;
  while (const auto attribute = walk.next()) {
    if (attribute->type == IFLA_IFNAME) name = attribute->text();
  }
  CHECK_FALSE(walk.error());
  return name;
}

std::set<std::string> links(netlink_socket& socket, netlink_batch& batch) {
  std::set<std::string> out;
  netlink_reply reply{socket, batch, socket.request(RTM_GETLINK, NLM_F_DUMP, all_links()).value(), in(1min)};
  for (;;) {
    const auto message = reply.next();
    REQUIRE(message);
    if (!*message) return out;
    CHECK((*message)->type == RTM_NEWLINK);
    out.insert(name_of_link(**message));
  }
}

// Whatever comes, to its end.
netlink_error objection(netlink_socket& socket, netlink_batch& batch, std::uint32_t sequence) {
  netlink_reply reply{socket, batch, sequence, in(1min)};
  auto message = reply.next();
  while (message && *message) message = reply.next();
  REQUIRE_FALSE(message);
  return message.error();
}

}  // namespace

TEST_CASE("families are called by name, and a name means one family", "[netlink]") {
  std::set<std::string_view> names;
  for (int number = 0; number != 64; ++number) {
    const auto family = static_cast<netlink_family>(number);
    const auto name = name_of(family);
    if (name.empty()) continue;
    CHECK(names.insert(name).second);
    CHECK(netlink_family_named(name) == family);
  }
  CHECK(names.size() == 19);
  CHECK(netlink_family_named("route") == netlink_family::route);
  CHECK(netlink_family_named("uevent") == netlink_family::uevent);
  CHECK_FALSE(netlink_family_named(""));
  CHECK_FALSE(netlink_family_named("rout"));
}

TEST_CASE("a socket of each family has a port of its own, or the kernel is built without that family", "[netlink]") {
  std::vector<netlink_socket> open;
  std::set<std::uint32_t> ports;
  for (int number = 0; number != 32; ++number) {
    const auto family = static_cast<netlink_family>(number);
    if (name_of(family).empty()) continue;
    INFO(name_of(family));
    auto socket = netlink_socket::open(family);
    if (!socket) {
      CHECK(socket.error() == std::errc::protocol_not_supported);
      continue;
    }
    CHECK(socket->port() != 0);
    CHECK((::fcntl(socket->fd().native_handle(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((::fcntl(socket->fd().native_handle(), F_GETFL) & O_NONBLOCK) == 0);
    open.push_back(*std::move(socket));
  }
  CHECK(open.size() >= 3);
  // A port belongs to one socket of a family.
  for (int i = 0; i != 3; ++i) {
    open.push_back(netlink_socket::open(netlink_family::route).value());
    CHECK(ports.insert(open.back().port()).second);
  }
}

TEST_CASE("a dump of links has each of them, whatever the room for datagrams", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route).value();
  CHECK(socket.shortfall() == netlink_shortfall{});
  for (const std::size_t datagrams : {1U, 2U, 32U}) {
    auto batch = room(datagrams);
    const auto found = links(socket, batch);
    CHECK(found.contains("lo"));
    std::set<std::string> wanted;
    struct if_nameindex* const all = ::if_nameindex();
    for (auto* one = all; one->if_index != 0; ++one) wanted.insert(one->if_name);
    ::if_freenameindex(all);
    CHECK(found == wanted);
  }
}

TEST_CASE("what the kernel refuses it refuses with its own words", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route).value();
  auto batch = room();
  ifinfomsg wrong{};
  wrong.ifi_flags = 1;  // a dump has no use for it: strictly checked, that is an error
  const auto error =
      objection(socket, batch, socket.request(RTM_GETLINK, NLM_F_DUMP, built{}.number(wrong).bytes).value());
  CHECK(error.code() == std::errc::invalid_argument);
  CHECK(error.text().find("Invalid values in header") != std::string_view::npos);
  // And the socket goes on.
  CHECK(links(socket, batch).contains("lo"));
}

TEST_CASE("without strict checking and words there are neither", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route, {.extended_acks = false, .strict_checking = false}).value();
  auto batch = room();
  ifinfomsg loose{};
  loose.ifi_flags = 1;
  netlink_reply reply{socket, batch, socket.request(RTM_GETLINK, NLM_F_DUMP, built{}.number(loose).bytes).value()};
  CHECK(reply.next());
  const auto error = objection(socket, batch, socket.request(RTM_GETLINK, 0, all_links()).value());
  CHECK(error.code() == std::errc::invalid_argument);
  CHECK(error.text().empty());
}

TEST_CASE("a generic family is asked for by name, and one that is not there is refused", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::generic).value();
  auto batch = room();
  const auto ask = [&](const std::string& name) {
    built payload;
    payload.number(genlmsghdr{CTRL_CMD_GETFAMILY, 1, 0});
    payload.attribute(CTRL_ATTR_FAMILY_NAME, built{}.bytes_of(name).number('\0').bytes);
    return socket.request(GENL_ID_CTRL, 0, payload.bytes).value();
  };
  netlink_reply reply{socket, batch, ask("nlctrl"), in(1min)};
  const auto message = reply.next();
  REQUIRE(message);
  REQUIRE(*message);
  netlink_attribute_walk walk{(*message)->payload, GENL_HDRLEN};
  std::optional<std::uint16_t> id;
  while (const auto attribute = walk.next()) {
    if (attribute->type == CTRL_ATTR_FAMILY_ID) id = attribute->number<std::uint16_t>();
  }
  CHECK(id == GENL_ID_CTRL);
  const auto end = reply.next();
  REQUIRE(end);
  CHECK_FALSE(*end);
  CHECK_FALSE(*reply.next());  // and so it stays

  CHECK(objection(socket, batch, ask("no such family")).code() == std::errc::no_such_file_or_directory);
  // A name that is longer than any: the policy says so, and where.
  const auto refused = objection(socket, batch, ask(std::string(60, 'x')));
  CHECK(refused.code() == std::errc::invalid_argument);
  CHECK(refused.text().find("(byte 20 of the request)") != std::string_view::npos);
}

TEST_CASE("each request has a number of its own, never 0", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route).value();
  std::set<std::uint32_t> numbers;
  for (int i = 0; i != 5; ++i) numbers.insert(socket.request(RTM_GETLINK, 0, all_links()).value());
  CHECK(numbers.size() == 5);
  CHECK_FALSE(numbers.contains(0));
}

TEST_CASE("requests go out together, and each has its answer", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route, {.receive_buffer = 1 << 20}).value();
  auto requests = netlink_requests::make(socket, 32).value();
  CHECK(requests.capacity() == 32);
  const auto loopback = built{}.number(ifinfomsg{0, 0, 0, 1, 0, 0}).bytes;
  const auto nothing = built{}.number(ifinfomsg{0, 0, 0, 0x7ffffff0, 0, 0}).bytes;
  constexpr std::size_t amiss = 7;
  for (int round = 0; round != 2; ++round) {  // in the same room
    std::vector<std::uint32_t> numbers;
    for (std::size_t i = 0; i != 32; ++i) {
      numbers.push_back(requests.add(RTM_GETLINK, 0, i == amiss ? nothing : loopback).value());
    }
    CHECK(requests.add(RTM_GETLINK, 0, loopback).error() == errc::over_limit);
    CHECK(requests.send(in(1min)) == 32U);
    CHECK(requests.empty());
    auto batch = room(16, 8192);
    netlink_reply reply{socket, batch, numbers[0], in(1min)};
    for (std::size_t i = 0; i != 32; ++i) {
      reply.turn_to(numbers[i]);
      auto message = reply.next();
      if (i == amiss) {
        REQUIRE_FALSE(message);
        CHECK(message.error().code() == std::errc::no_such_device);
        continue;
      }
      REQUIRE(message);
      REQUIRE(*message);
      CHECK(name_of_link(**message) == "lo");
      message = reply.next();
      REQUIRE(message);
      CHECK_FALSE(*message);
    }
  }
}

TEST_CASE("a request that cannot be sent ends the count of those before it, and is told by the next send",
          "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route).value();
  auto requests = netlink_requests::make(socket, 4).value();
  const auto loopback = built{}.number(ifinfomsg{0, 0, 0, 1, 0, 0}).bytes;
  const std::vector<std::byte> huge(64U << 20);  // more than any send buffer
  for (const std::vector<std::byte>* const payload : {&loopback, &loopback, &huge, &loopback}) {
    REQUIRE(requests.add(RTM_GETLINK, 0, *payload));
  }
  CHECK(requests.send(in(1min)) == 2U);
  CHECK(requests.send(in(1min)).error() == std::errc::message_size);
  CHECK(requests.size() == 2);
  requests.skip();
  CHECK(requests.send(in(1min)) == 1U);
  CHECK(requests.empty());
  requests.skip();
  CHECK(requests.send() == 0U);

  REQUIRE(requests.add(RTM_GETLINK, 0, loopback));
  auto moved = std::move(requests);
  CHECK(moved.size() == 1);
  CHECK(requests.capacity() == 0);
  CHECK(requests.add(RTM_GETLINK, 0, loopback).error() == errc::over_limit);
  moved.clear();
  CHECK(moved.empty());
  CHECK(netlink_requests::make(socket, 0).error() == std::errc::invalid_argument);
  CHECK(netlink_requests::make(socket, 1025).error() == std::errc::invalid_argument);
}

TEST_CASE("what is left of an answer is passed over by the next", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route).value();
  auto batch = room(1);
  netlink_reply left{socket, batch, socket.request(RTM_GETLINK, 0, all_links()).value(), in(1min)};
  CHECK(links(socket, batch).contains("lo"));
}

TEST_CASE("a datagram that is longer than the room is cut, and says so", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route).value();
  auto small = room(4, 64);
  CHECK(objection(socket, small, socket.request(RTM_GETLINK, NLM_F_DUMP, all_links()).value()).code() ==
        errc::payload_cut);
  auto enough = room();
  auto other = netlink_socket::open(netlink_family::route).value();
  CHECK(links(other, enough).contains("lo"));
}

TEST_CASE("what another process sends is not the kernel's", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::user).value();
  auto other = netlink_socket::open(netlink_family::user).value();
  sockaddr_nl to{};
  to.nl_family = AF_NETLINK;
  to.nl_pid = socket.port();
  const auto forged = built{}.message(NLMSG_DONE, 0, 1, 0, {}).bytes;
  REQUIRE(::sendto(other.fd().native_handle(), forged.data(), forged.size(), 0, reinterpret_cast<sockaddr*>(&to),
                   sizeof to) == static_cast<ssize_t>(forged.size()));
  auto batch = room();
  REQUIRE(socket.receive(batch) == 1U);
  CHECK(batch[0].sender == other.port());
  CHECK_FALSE(batch[0].from_kernel());
  CHECK(batch[0].bytes.size() == forged.size());

  // As the answer to a request it counts for nothing.
  REQUIRE(::sendto(other.fd().native_handle(), forged.data(), forged.size(), 0, reinterpret_cast<sockaddr*>(&to),
                   sizeof to) == static_cast<ssize_t>(forged.size()));
  netlink_reply reply{socket, batch, 1, dont_wait};
  const auto nothing = reply.next();
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().code() == std::errc::resource_unavailable_try_again);
}

TEST_CASE("a deadline ends a wait, and an answer can be waited for again", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route).value();
  auto batch = room();
  CHECK(socket.receive(batch, dont_wait).error() == std::errc::resource_unavailable_try_again);
  CHECK(socket.receive(batch, in(5ms)).error() == std::errc::timed_out);
  netlink_reply reply{socket, batch, 1, in(5ms)};
  CHECK(reply.next().error().code() == std::errc::timed_out);
  REQUIRE(socket.request(RTM_GETLINK, 0, built{}.number(ifinfomsg{0, 0, 0, 1, 0, 0}).bytes) == 1U);
  const auto message = reply.next();
  REQUIRE(message);
  CHECK(name_of_link(**message) == "lo");
}

TEST_CASE("a receive buffer that runs over is an error of its own, and the socket goes on", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::user, {.receive_buffer = 1}).value();
  auto other = netlink_socket::open(netlink_family::user).value();
  // Multicast, where the sender does not wait for who is slow.
  if (!socket.join(1)) SCM_SKIP("groups are for the privileged");
  sockaddr_nl to{};
  to.nl_family = AF_NETLINK;
  to.nl_groups = 1;
  const std::vector<std::byte> bytes(1024);
  for (int i = 0; i != 64; ++i) {
    (void)::sendto(other.fd().native_handle(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&to),
                   sizeof to);
  }
  auto batch = room();
  std::error_code met;
  for (int i = 0; i != 64 && !met; ++i) {
    if (const auto got = socket.receive(batch, dont_wait); !got) met = got.error();
  }
  CHECK(met == std::errc::no_buffer_space);
  while (socket.receive(batch, dont_wait)) {
  }
  // The kernel itself has no such socket, which is the error that the sender is told of.
  (void)::sendto(other.fd().native_handle(), bytes.data(), 16, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  REQUIRE(socket.receive(batch, dont_wait) == 1U);
  CHECK(batch[0].groups == 1);
  CHECK(socket.leave(1));
}

TEST_CASE("a receive buffer is as large as asked for", "[netlink]") {
  const auto size_of = [](const netlink_socket& socket) {
    int size = 0;
    socklen_t length = sizeof size;
    ::getsockopt(socket.fd().native_handle(), SOL_SOCKET, SO_RCVBUF, &size, &length);
    return size;
  };
  const auto socket = netlink_socket::open(netlink_family::route, {.receive_buffer = 1 << 24}).value();
  if (socket.shortfall().receive_buffer) SCM_SKIP("forcing it takes CAP_NET_ADMIN");
  CHECK(size_of(socket) == 2 << 24);
}

TEST_CASE("there is no group 0, and a batch has room for something", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::route).value();
  CHECK(socket.join(0).error() == std::errc::invalid_argument);
  CHECK(netlink_batch::make(0, 1).error() == std::errc::invalid_argument);
  CHECK(netlink_batch::make(1025, 1).error() == std::errc::invalid_argument);
  CHECK(netlink_batch::make(1, 0).error() == std::errc::invalid_argument);
  CHECK(netlink_batch::make(1, limits::netlink_bytes + std::size_t{1}).error() == std::errc::invalid_argument);
  auto batch = room();
  const auto moved = std::move(batch);
  CHECK(moved.capacity() == 4);
  CHECK(socket.receive(batch).error() == std::errc::invalid_argument);
}
