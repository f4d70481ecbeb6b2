// Sockets: family, type, whether they listen, and the names of both ends.
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>

using namespace scm;
using namespace scm::test;

namespace {

owned_fd unix_socket(int type = SOCK_STREAM) { return made(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0)); }

const sockaddr* raw(const address& a) { return reinterpret_cast<const sockaddr*>(&a.native()); }
void bind_to(borrowed_fd fd, const address& a) { REQUIRE(::bind(fd.native_handle(), raw(a), a.native_size()) == 0); }

socket_description socket_of(borrowed_fd fd) {
  const description what = described(fd);
  CHECK(what.kind == descriptor_kind::socket);
  CHECK(what.access == access_mode::read_write);
  return what.socket.value();
}

bool has_none(const socket_name& name) { return std::holds_alternative<std::monostate>(name); }

}  // namespace

TEST_CASE("a pair of each type of unix socket is connected to an end without a name", "[sockets]") {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    const owned_fd left{ends[0]}, right{ends[1]};
    const socket_description what = socket_of(left);
    CHECK(what.family == AF_UNIX);
    CHECK(what.type == type);
    CHECK(what.protocol == 0);
    CHECK_FALSE(what.listening);
    CHECK(what.local == socket_name{address{}});
    CHECK(what.peer == socket_name{address{}});
    CHECK(text_of(what.peer).view() == "(unnamed)");
    CHECK(described(left).flags.nonblock);
    CHECK(described(left).identity != described(right).identity);
  }
}

TEST_CASE("a socket that is not connected has no peer", "[sockets]") {
  const socket_description what = socket_of(unix_socket().get());
  CHECK(what.local == socket_name{address{}});
  CHECK(has_none(what.peer));
  CHECK(text_of(what.peer).view().empty());
}

TEST_CASE("a listener has its name, and a connection to it the listener's name as its peer", "[sockets]") {
  const temporary_folder folder;
  const address named = GENERATE_REF(address::path(folder / "so\ncket").value(),
                                     address::abstract(folder.path() + std::string_view{"\0x", 2}.data()).value(),
                                     address::abstract(std::string{"scm\0test", 8} + folder.path()).value());
  const owned_fd server = unix_socket();
  bind_to(server, named);
  CHECK_FALSE(socket_of(server).listening);
  REQUIRE(::listen(server.native_handle(), 1) == 0);
  CHECK(socket_of(server).listening);
  CHECK(socket_of(server).local == socket_name{named});
  CHECK(has_none(socket_of(server).peer));

  const owned_fd client = unix_socket();
  REQUIRE(::connect(client.native_handle(), raw(named), named.native_size()) == 0);
  CHECK(socket_of(client).peer == socket_name{named});
  CHECK(text_of(socket_of(client).peer).view() == named.text().view());
  const owned_fd accepted = made(::accept4(server.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
  CHECK(socket_of(accepted).local == socket_name{named});
  CHECK(socket_of(accepted).peer == socket_name{address{}});
}

TEST_CASE("a path that fills the whole address comes back whole", "[sockets]") {
  const temporary_folder folder;
  const address named =
      address::path(folder / std::string(limits::address_bytes - folder.path().size() - 1, 'p')).value();
  REQUIRE(named.name().size() == limits::address_bytes);
  const owned_fd server = unix_socket(SOCK_DGRAM);
  bind_to(server, named);
  CHECK(socket_of(server).local == socket_name{named});
}

TEST_CASE("the file that binding made is the place of a socket, not a socket", "[sockets]") {
  const temporary_folder folder;
  const owned_fd server = unix_socket();
  bind_to(server, address::path(folder / "socket").value());
  const description what = described(opened(folder / "socket", O_PATH).get());
  CHECK(what.kind == descriptor_kind::path_handle);
  CHECK(what.target == descriptor_kind::socket);
  CHECK_FALSE(what.socket);
  CHECK(what.path == folder / "socket");
}

TEST_CASE("a TCP connection has its protocol, its ports and numeric addresses", "[sockets]") {
  const owned_fd server = made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  auto* const generic = reinterpret_cast<sockaddr*>(&name);
  REQUIRE(::bind(server.native_handle(), generic, sizeof name) == 0);
  REQUIRE(::listen(server.native_handle(), 1) == 0);
  socklen_t size = sizeof name;
  REQUIRE(::getsockname(server.native_handle(), generic, &size) == 0);
  const inet_name expected{{127, 0, 0, 1}, ntohs(name.sin_port)};

  const socket_description listening = socket_of(server);
  CHECK(listening.family == AF_INET);
  CHECK(listening.type == SOCK_STREAM);
  CHECK(listening.protocol == IPPROTO_TCP);
  CHECK(listening.listening);
  CHECK(listening.local == socket_name{expected});
  CHECK(text_of(listening.local).view() == "127.0.0.1:" + std::to_string(expected.port));
  CHECK(has_none(listening.peer));

  const owned_fd client = made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(client.native_handle(), generic, sizeof name) == 0);
  CHECK(socket_of(client).peer == socket_name{expected});
}

TEST_CASE("a UDP socket over IPv6 is described like one over IPv4", "[sockets]") {
  const int number = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (number < 0) SCM_SKIP("no IPv6");
  const owned_fd udp{number};
  sockaddr_in6 name{};
  name.sin6_family = AF_INET6;
  name.sin6_addr = in6addr_loopback;
  if (::bind(number, reinterpret_cast<sockaddr*>(&name), sizeof name) != 0) SCM_SKIP("no IPv6 loopback address");
  const socket_description what = socket_of(udp);
  CHECK(what.family == AF_INET6);
  CHECK(what.type == SOCK_DGRAM);
  CHECK(what.protocol == IPPROTO_UDP);
  const auto local = std::get<inet6_name>(what.local);
  CHECK(local.host.back() == 1);
  CHECK(local.port != 0);
  CHECK(text_of(what.local).view() == "[::1]:" + std::to_string(local.port));
}

TEST_CASE("a netlink socket is described with its port and groups", "[sockets]") {
  const owned_fd netlink = made(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl name{.nl_family = AF_NETLINK, .nl_pad = 0, .nl_pid = 0, .nl_groups = 1};
  REQUIRE(::bind(netlink.native_handle(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  const socket_description what = socket_of(netlink);
  CHECK(what.family == AF_NETLINK);
  CHECK(what.protocol == NETLINK_ROUTE);
  CHECK(std::get<netlink_name>(what.local).port != 0);
  CHECK(std::get<netlink_name>(what.local).groups == 1);
  CHECK(std::get<netlink_name>(what.peer).port == 0);
}

TEST_CASE("a vsock socket is described with its context and port", "[sockets]") {
  const int number = ::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (number < 0) SCM_SKIP("no vsock");
  const owned_fd vsock{number};
  sockaddr_vm name{};
  name.svm_family = AF_VSOCK;
  name.svm_cid = VMADDR_CID_ANY;
  name.svm_port = VMADDR_PORT_ANY;
  REQUIRE(::bind(number, reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  const auto local = std::get<vsock_name>(socket_of(vsock).local);
  CHECK(local.context == VMADDR_CID_ANY);
  CHECK(local.port != VMADDR_PORT_ANY);
  CHECK(text_of(vsock_name{2, 80}).view() == "context 2 port 80");
}

TEST_CASE("a family whose names are not read still has its numbers", "[sockets]") {
  const int number = ::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (number < 0) SCM_SKIP("packet sockets are not permitted");
  const socket_description what = socket_of(owned_fd{number}.get());
  CHECK(what.family == AF_PACKET);
  CHECK(has_none(what.local));
}

TEST_CASE("names of sockets are spelled in numbers", "[sockets]") {
  inet6_name v6{{0xfe, 0x80}, 80, 3};
  v6.host.back() = 1;
  CHECK(text_of(v6).view() == "[fe80::1%3]:80");
  CHECK(text_of(inet_name{{255, 255, 255, 255}, 65535}).view() == "255.255.255.255:65535");
  CHECK(text_of(netlink_name{7, 0xffffffff}).view() == "port 7 groups 0xffffffff");
  const std::string longest(limits::address_bytes - 1, '\xff');
  CHECK(text_of(address::abstract(longest).value()).view() == address::abstract(longest)->text().view());
}
