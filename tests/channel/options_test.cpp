// What the kernel attaches to messages when asked, and what it tells of the peer.
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

#include <scm/channel.hpp>

#include <poll.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;

namespace {
std::array<std::byte, 64> buffer;

template <class Channel>
std::pair<Channel, Channel> pair() {
  return Channel::pair().value();
}

// The pid that a pidfd stands for, from its fdinfo; -1 when the process is reaped.
pid_t pid_of(borrowed_fd pidfd) {
  std::ifstream info{"/proc/self/fdinfo/" + std::to_string(pidfd.native_handle())};
  for (std::string word; info >> word;) {
    pid_t pid = 0;
    if (word == "Pid:" && info >> pid) return pid;
  }
  return 0;
}
}  // namespace

TEMPLATE_TEST_CASE("credentials of the sender come with each message once asked for", "[options]", stream, datagram,
                   seqpacket) {
  auto [left, right] = pair<TestType>();
  REQUIRE(right.set(receive_item::credentials, true));
  REQUIRE(left.send("x"));
  CHECK(right.receive(buffer, 0)->sender == credentials::own());

  test::child other{[&left] { return left.send("y").has_value(); }};
  const pid_t pid = other.pid();
  CHECK(right.receive(buffer, 0)->sender == credentials{pid, ::getuid(), ::getgid()});
  CHECK(other.succeeded());

  REQUIRE(right.set(receive_item::credentials, false));
  REQUIRE(left.send("z"));
  CHECK_FALSE(right.receive(buffer, 0)->sender);
}

TEMPLATE_TEST_CASE("a pidfd of the sender comes with each message, and outlives the sender", "[options]", stream,
                   datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const auto set = right.set(receive_item::pidfd, true);
  if (!set && set.error() == errc::unsupported) SCM_SKIP("SO_PASSPIDFD needs Linux 6.5");
  REQUIRE(set);
  const owned_fd file = test::scratch_file();
  test::child other{[&left, &file] { return left.send("x", {file}).has_value(); }};
  auto message = right.receive(buffer, 1);
  REQUIRE(message);
  REQUIRE(message->sender_pidfd);
  CHECK(message->descriptors.size() == 1);
  CHECK(::fcntl(message->sender_pidfd.native_handle(), F_GETFD) == FD_CLOEXEC);
  const pid_t pid = other.pid();
  CHECK(pid_of(message->sender_pidfd) == pid);
  CHECK(other.succeeded());
  CHECK(pid_of(message->sender_pidfd) == -1);
}

TEMPLATE_TEST_CASE("a timestamp tells when a message was sent", "[options]", datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  REQUIRE(right.set(receive_item::timestamp, true));
  const auto before = std::chrono::system_clock::now();
  REQUIRE(left.send("x"));
  const auto after = std::chrono::system_clock::now();
  const auto message = right.receive(buffer, 0);
  REQUIRE(message);
  REQUIRE(message->queued_at);
  CHECK(*message->queued_at >= before - 1ms);
  CHECK(*message->queued_at <= after + 1ms);
}

TEST_CASE("options that a socket accepts and never honours are unsupported, not a silent success", "[options]") {
  CHECK(pair<stream>().first.set(receive_item::timestamp, true).error() == errc::unsupported);
  CHECK(pair<seqpacket>().first.set(receive_item::queued_bytes, true).error() == errc::unsupported);
  CHECK(pair<datagram>().first.set(receive_item::queued_bytes, true).error() == errc::unsupported);
}

TEST_CASE("security labels are unsupported without a module that makes them", "[options]") {
  if (std::filesystem::exists("/sys/fs/selinux") || std::filesystem::exists("/sys/kernel/security/apparmor")) {
    SCM_SKIP("this machine labels processes");
  }
  auto [left, right] = pair<seqpacket>();
  CHECK(right.set(receive_item::label, true).error() == errc::unsupported);
  CHECK(right.set(receive_item::label, false));
  CHECK(right.peer().label.value.error() == errc::unsupported);
}

TEST_CASE("a stream tells how many bytes it left in the queue", "[options]") {
  auto [left, right] = pair<stream>();
  const auto set = right.set(receive_item::queued_bytes, true);
  if (!set && set.error() == errc::unsupported) SCM_SKIP("SO_INQ on AF_UNIX needs Linux 6.18");
  REQUIRE(set);
  REQUIRE(left.send("0123456789"));
  std::array<std::byte, 4> few;
  CHECK(right.receive(few, 0)->queued_bytes == 6U);
  CHECK(right.receive(buffer, 0)->queued_bytes == 0U);
}

TEMPLATE_TEST_CASE("descriptors can be refused up front", "[options]", stream, datagram, seqpacket) {
  auto [left, right] = pair<TestType>();
  const owned_fd file = test::scratch_file();
  REQUIRE(left.send("queued", {file}));
  const auto set = right.accept_descriptors(false);
  if (!set && set.error() == errc::unsupported) SCM_SKIP("SO_PASSRIGHTS needs Linux 6.16");
  REQUIRE(set);
  CHECK(left.send("x", {file}).error().code == std::errc::operation_not_permitted);
  CHECK(left.send("x"));
  CHECK(right.receive(buffer, 1)->descriptors.size() == 1);  // it was sent before
  CHECK(right.receive(buffer, 1)->descriptors.empty());
  REQUIRE(right.accept_descriptors(true));
  CHECK(left.send("x", {file}));
}

TEST_CASE("buffer sizes can be set", "[options]") {
  auto [left, right] = pair<seqpacket>();
  const std::vector<char> large(300'000, 'x');
  CHECK(left.send(large).error().code == std::errc::message_size);
  REQUIRE(left.set_send_buffer(4096));
  CHECK(left.send(std::vector<char>(20'000, 'x')).error().code == std::errc::message_size);
  CHECK(left.set_receive_buffer(1 << 16));
  CHECK(left.set_send_buffer(SIZE_MAX));  // held to the kernel's maximum
}

TEST_CASE("the peer of a pair is its creator, with a pidfd", "[options]") {
  auto [left, right] = pair<seqpacket>();
  const peer_identity peer = right.peer();
  CHECK(peer.process.value.value() == credentials::own());
  CHECK(peer.process.from == evidence::connection);
  REQUIRE(peer.groups.value);
  if (peer.pidfd.value) {
    CHECK(pid_of(peer.pidfd.value.value()) == ::getpid());
    CHECK(::fcntl(peer.pidfd.value->native_handle(), F_GETFD) == FD_CLOEXEC);
  } else {
    CHECK(peer.pidfd.value.error() == errc::unsupported);
  }
}

TEST_CASE("a socket without a peer has nobody's identity, least of all root's", "[options]") {
  const auto lonely = datagram::open().value();
  const peer_identity peer = lonely.peer();
  CHECK_FALSE(peer.process.value);
  CHECK_FALSE(peer.pidfd.value);
  CHECK_FALSE(peer.groups.value);
  CHECK_FALSE(lonely.peer_address());
}

TEST_CASE("the identity of a connection stays that of who made it", "[options]") {
  auto server = listener<stream>::bind(address::autobind()).value();
  const address at = server.local_address().value();
  test::child client{[&at] {
    const gid_t groups[] = {1234, 77};
    if (::geteuid() == 0 && (::setgroups(2, groups) != 0 || ::setresgid(65534, 65534, 65534) != 0 ||
                             ::setresuid(65534, 65534, 65534) != 0)) {
      return false;
    }
    auto connected = stream::connect(at).value();
    std::array<std::byte, 1> wait;
    return connected.receive(wait, 0).error().code == errc::end_of_file;
  }};
  auto accepted = server.accept().value();
  const pid_t pid = client.pid();
  {
    const peer_identity peer = accepted.peer();
    REQUIRE(peer.process.value);
    CHECK(peer.process.value->pid == pid);
    if (::geteuid() == 0) {
      CHECK(peer.process.value->uid == 65534);
      CHECK(peer.groups.value.value() == std::vector<gid_t>{77, 1234});
    }
  }
  REQUIRE(accepted.shutdown_send());
  CHECK(client.succeeded());
  CHECK(accepted.peer().process.value->pid == pid);  // a number that may name somebody else by now
}

TEST_CASE("every stream reads urgent bytes in line, however it came about", "[options]") {
  const auto in_line = [](const stream& one) {
    int on = 0;
    socklen_t size = sizeof on;
    return ::getsockopt(one.fd().native_handle(), SOL_SOCKET, SO_OOBINLINE, &on, &size) == 0 && on == 1;
  };
  const auto [left, right] = pair<stream>();
  CHECK((in_line(left) && in_line(right)));
  auto server = listener<stream>::bind(address::autobind()).value();
  const auto connected = stream::connect(server.local_address().value()).value();
  CHECK(in_line(connected));
  CHECK(in_line(server.accept(in(10s)).value()));
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const owned_fd other{ends[1]};
  CHECK(in_line(stream::adopt(owned_fd{ends[0]}).value()));
}
