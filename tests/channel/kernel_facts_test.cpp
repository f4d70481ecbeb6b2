// The kernel's behaviour that the library leans on or defends against, by plain system calls: docs/kernel.md lists it.
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"
#include "support/witness.hpp"

#include <scm/core.hpp>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <optional>
#include <vector>

using namespace scm;

namespace {

constexpr int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};

struct ends {
  owned_fd left;
  owned_fd right;
};
ends make_pair(int type) {
  int both[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, both) != 0) throw std::system_error(errno, std::generic_category());
  return {owned_fd{both[0]}, owned_fd{both[1]}};
}

ssize_t send(borrowed_fd through, std::string_view bytes, std::span<const borrowed_fd> fds = {}) {
  control_buffer control;
  REQUIRE(control.append_rights(fds));
  iovec data{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = const_cast<std::byte*>(control.bytes().data());
  message.msg_controllen = control.bytes().size();
  return ::sendmsg(through.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

struct received {
  ssize_t size = -1;
  std::vector<owned_fd> fds;
  std::vector<int> types;
  std::optional<credentials> sender;
  int pidfd = 0;
  int flags = 0;
  std::size_t controllen = 0;
};
received receive(borrowed_fd from, std::size_t room = 64, std::size_t control_room = 512,
                 int flags = MSG_CMSG_CLOEXEC) {
  std::vector<char> bytes(room + 1);
  std::vector<std::byte> control(control_room + 8);
  iovec data{bytes.data(), room};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control_room == 0 ? nullptr : control.data();
  message.msg_controllen = control_room;
  received out;
  out.size = ::recvmsg(from.native_handle(), &message, flags | MSG_DONTWAIT);
  out.flags = message.msg_flags;
  out.controllen = message.msg_controllen;
  control_view walk{{control.data(), out.size < 0 ? 0 : message.msg_controllen}};
  while (const auto item = walk.next()) {
    out.types.push_back(item->type);
    if (kind_of(*item) == control_kind::rights) {
      for (std::size_t i = 0; i != as_rights(*item).size(); ++i) out.fds.emplace_back(as_rights(*item)[i]);
    }
    if (kind_of(*item) == control_kind::credentials) {
      if (const auto sender = as_credentials(*item)) out.sender = *sender;
    }
    if (kind_of(*item) == control_kind::pidfd) {
      out.pidfd = as_pidfd(*item).value();
      const owned_fd closed{out.pidfd};
    }
  }
  return out;
}

bool set(borrowed_fd socket, int option, int value = 1) {
  return ::setsockopt(socket.native_handle(), SOL_SOCKET, option, &value, sizeof value) == 0;
}
}  // namespace

TEST_CASE("A1, A3: 253 descriptors at most, summed over control messages", "[kernel]") {
  const owned_fd file = test::scratch_file();
  for (const int type : types) {
    const ends pair = make_pair(type);
    const std::vector<borrowed_fd> many(254, file);
    CHECK(send(pair.left, "x", std::span{many}.first(253)) == 1);
    std::array<std::byte, cmsg_space(254 * 4)> room{};
    cmsghdr header{};
    header.cmsg_len = CMSG_LEN(254 * 4);
    header.cmsg_level = SOL_SOCKET;
    header.cmsg_type = SCM_RIGHTS;
    std::memcpy(room.data(), &header, sizeof header);
    std::memcpy(room.data() + 16, many.data(), 254 * 4);
    char byte = 'x';
    iovec data{&byte, 1};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = room.data();
    message.msg_controllen = room.size();
    CHECK(::sendmsg(pair.left.native_handle(), &message, MSG_NOSIGNAL) == -1);
    CHECK(errno == EINVAL);
  }
}

TEST_CASE("A2: several SCM_RIGHTS of one send arrive as one", "[kernel]") {
  const ends pair = make_pair(SOCK_SEQPACKET);
  const owned_fd a = test::scratch_file();
  const owned_fd b = test::scratch_file();
  control_buffer control;
  const std::array<borrowed_fd, 1> first{a};
  const std::array<borrowed_fd, 1> second{b};
  REQUIRE(control.append_rights(first));
  REQUIRE(control.append_rights(second));
  msghdr message{};
  message.msg_control = const_cast<std::byte*>(control.bytes().data());
  message.msg_controllen = control.bytes().size();
  REQUIRE(::sendmsg(pair.left.native_handle(), &message, 0) == 0);
  const auto got = receive(pair.right);
  CHECK(got.types == std::vector<int>{SCM_RIGHTS});
  REQUIRE(got.fds.size() == 2);
  CHECK(test::inode_of(got.fds[1]) == test::inode_of(b));
}

TEST_CASE("A8: an io_uring descriptor is not passed", "[kernel]") {
  std::array<std::byte, 256> parameters{};
  const owned_fd ring{static_cast<int>(::syscall(425, 2, parameters.data()))};
  if (!ring) SCM_SKIP("io_uring is not available here");
  const ends pair = make_pair(SOCK_SEQPACKET);
  const std::array<borrowed_fd, 1> one{ring};
  if (send(pair.left, "x", one) == 1) SCM_SKIP("this kernel is older than 6.7 and passes io_uring descriptors");
  CHECK(errno == EINVAL);
}

TEST_CASE("B1: room for one descriptor with its padding is room for two", "[kernel]") {
  const owned_fd file = test::scratch_file();
  const std::array<borrowed_fd, 3> three{file, file, file};
  for (const int type : types) {
    const ends pair = make_pair(type);
    REQUIRE(send(pair.left, "x", std::span{three}.first(2)) == 1);
    auto got = receive(pair.right, 64, CMSG_SPACE(sizeof(int)));
    CHECK(got.fds.size() == (sizeof(long) == 8 ? 2 : 1));
    if (sizeof(long) == 8) CHECK((got.flags & MSG_CTRUNC) == 0);

    REQUIRE(send(pair.left, "x", three) == 1);
    got = receive(pair.right, 64, CMSG_LEN(sizeof(int)));
    CHECK(got.fds.size() == 1);
    CHECK((got.flags & MSG_CTRUNC) != 0);
    got = receive(pair.right);  // the rest is gone, not queued
    CHECK(got.size == -1);
  }
}

TEST_CASE("B7: at a full table descriptors are dropped, and MSG_CTRUNC is the only sign", "[kernel][no-valgrind]") {
  const owned_fd file = test::scratch_file();
  const std::array<borrowed_fd, 3> three{file, file, file};
  for (const int type : types) {
    const ends pair = make_pair(type);
    for (int free = 0; free != 4; ++free) {
      REQUIRE(send(pair.left, "x", three) == 1);
      const test::descriptor_limit full{test::descriptor_limit::leaving_free(free)};
      const auto got = receive(pair.right);
      CHECK(got.size == 1);
      CHECK(got.fds.size() == static_cast<std::size_t>(free));
      CHECK(((got.flags & MSG_CTRUNC) != 0) == (free < 3));
      if (free == 0) CHECK(got.controllen == 0);
    }
  }
}

TEST_CASE("B8: read(2) destroys the descriptors that come with its bytes", "[kernel]") {
  for (const int type : types) {
    const ends pair = make_pair(type);
    test::witness watched;
    {
      const owned_fd given = watched.give();
      const std::array<borrowed_fd, 1> one{given};
      REQUIRE(send(pair.left, "x", one) == 1);
    }
    char byte = 0;
    CHECK(::read(pair.right.native_handle(), &byte, 1) == 1);
    CHECK(watched.closed());
  }
}

TEST_CASE("B11: MSG_CMSG_CLOEXEC is honoured for every descriptor, and echoed", "[kernel]") {
  const ends pair = make_pair(SOCK_SEQPACKET);
  const owned_fd file = test::scratch_file();
  const std::array<borrowed_fd, 2> two{file, file};
  REQUIRE(send(pair.left, "x", two) == 1);
  const auto got = receive(pair.right);
  for (const auto& fd : got.fds) CHECK(::fcntl(fd.native_handle(), F_GETFD) == FD_CLOEXEC);
  CHECK((got.flags & MSG_CMSG_CLOEXEC) != 0);
}

TEST_CASE("B12: every peek installs the descriptors anew", "[kernel]") {
  const owned_fd file = test::scratch_file();
  const std::array<borrowed_fd, 2> two{file, file};
  for (const int type : types) {
    const ends pair = make_pair(type);
    REQUIRE(send(pair.left, "x", two) == 1);
    CHECK(receive(pair.right, 64, 512, MSG_PEEK | MSG_CMSG_CLOEXEC).fds.size() == 2);
    CHECK(receive(pair.right, 64, 512, MSG_PEEK | MSG_CMSG_CLOEXEC).fds.size() == 2);
    CHECK(receive(pair.right).fds.size() == 2);
  }
}

TEST_CASE("C1: a stream receive stops behind a descriptor, not before it", "[kernel]") {
  const ends pair = make_pair(SOCK_STREAM);
  const owned_fd file = test::scratch_file();
  const std::array<borrowed_fd, 1> one{file};
  REQUIRE(send(pair.left, "aaa") == 3);
  REQUIRE(send(pair.left, "bbb", one) == 3);
  REQUIRE(send(pair.left, "ccc") == 3);
  auto got = receive(pair.right);
  CHECK(got.size == 6);
  CHECK(got.fds.size() == 1);
  CHECK(receive(pair.right).size == 3);
}

TEST_CASE("C4: descriptors on an empty stream message vanish", "[kernel]") {
  const ends pair = make_pair(SOCK_STREAM);
  test::witness watched;
  {
    const owned_fd given = watched.give();
    const std::array<borrowed_fd, 1> one{given};
    CHECK(send(pair.left, "", one) == 0);
  }
  CHECK(watched.closed());
  CHECK(receive(pair.right).size == -1);
}

TEST_CASE("C5: an empty stream receive takes the descriptors and leaves the byte", "[kernel]") {
  const ends pair = make_pair(SOCK_STREAM);
  const owned_fd file = test::scratch_file();
  const std::array<borrowed_fd, 1> one{file};
  REQUIRE(send(pair.left, "x", one) == 1);
  const auto got = receive(pair.right, 0);
  CHECK(got.size == 0);
  CHECK(got.fds.size() == 1);
  CHECK(receive(pair.right).fds.empty());
}

TEST_CASE("D1: an empty seqpacket message looks like end of file", "[kernel]") {
  const ends pair = make_pair(SOCK_SEQPACKET);
  REQUIRE(send(pair.left, "") == 0);
  REQUIRE(::shutdown(pair.left.native_handle(), SHUT_WR) == 0);
  for (int i = 0; i != 2; ++i) {
    const auto got = receive(pair.right);
    CHECK(got.size == 0);
    CHECK(got.controllen == 0);
    CHECK((got.flags & ~MSG_CMSG_CLOEXEC) == 0);
  }
}

TEST_CASE("D6: a datagram refused by a dead peer destroys our own queue, descriptors included", "[kernel]") {
  ends pair = make_pair(SOCK_DGRAM);
  test::witness watched;
  {
    const owned_fd given = watched.give();
    const std::array<borrowed_fd, 1> one{given};
    REQUIRE(send(pair.right, "queued", one) == 6);
  }
  pair.right.reset();
  CHECK_FALSE(watched.closed());
  CHECK(send(pair.left, "x") == -1);
  CHECK(errno == ECONNREFUSED);
  CHECK(watched.closed());
}

TEST_CASE("D8: poll calls a full, unconnected datagram peer writable", "[kernel]") {
  const owned_fd receiver{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  socklen_t size = sizeof(sa_family_t);
  REQUIRE(::bind(receiver.native_handle(), reinterpret_cast<sockaddr*>(&name), size) == 0);
  size = sizeof name;
  REQUIRE(::getsockname(receiver.native_handle(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
  const owned_fd sender{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  while (::sendto(sender.native_handle(), "x", 1, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&name), size) == 1) {
  }
  CHECK(errno == EAGAIN);
  pollfd one{sender.native_handle(), POLLOUT, 0};
  CHECK(::poll(&one, 1, 0) == 1);
}

TEST_CASE("D11: a full path is reported with a length beyond sockaddr_un", "[kernel]") {
  std::string path = "/tmp/scm-test-";
  path.resize(108, 'p');
  ::unlink(path.c_str());
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), 108);
  const owned_fd bound{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  REQUIRE(::bind(bound.native_handle(), reinterpret_cast<sockaddr*>(&name), sizeof name) == 0);
  socklen_t size = sizeof name;
  REQUIRE(::getsockname(bound.native_handle(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
  CHECK(size == 111);
  ::unlink(path.c_str());
}

TEST_CASE("E1: the order of items is timestamp, credentials, rights, pidfd", "[kernel]") {
  const ends pair = make_pair(SOCK_SEQPACKET);
  REQUIRE(set(pair.right, SO_TIMESTAMPNS));
  REQUIRE(set(pair.right, SO_PASSCRED));
  const bool pidfds = set(pair.right, 76);
  const owned_fd file = test::scratch_file();
  const std::array<borrowed_fd, 1> one{file};
  REQUIRE(send(pair.left, "x", one) == 1);
  std::vector<int> expected{SCM_TIMESTAMPNS, SCM_CREDENTIALS, SCM_RIGHTS};
  if (pidfds) expected.push_back(4);
  CHECK(receive(pair.right).types == expected);
}

TEST_CASE("E3: a stream's end of file comes with credentials that read as root", "[kernel]") {
  const ends pair = make_pair(SOCK_STREAM);
  REQUIRE(set(pair.right, SO_PASSCRED));
  REQUIRE(::shutdown(pair.left.native_handle(), SHUT_WR) == 0);
  const auto got = receive(pair.right);
  CHECK(got.size == 0);
  CHECK(got.sender == credentials{0, 0, 0});
}

TEST_CASE("E4: what was queued before credentials were asked for names nobody", "[kernel]") {
  const ends pair = make_pair(SOCK_SEQPACKET);
  REQUIRE(send(pair.left, "x") == 1);
  REQUIRE(set(pair.right, SO_PASSCRED));
  CHECK(receive(pair.right).sender == credentials{0, 65534, 65534});
}

TEST_CASE("E5: a process without privileges cannot send another's credentials", "[kernel]") {
  test::child nobody{[] {
    if (!test::become_nobody()) return false;
    const ends pair = make_pair(SOCK_SEQPACKET);
    for (const credentials& lie : {credentials{1, ::getuid(), ::getgid()}, credentials{::getpid(), 0, ::getgid()},
                                   credentials{::getpid(), ::getuid(), 0}}) {
      control_buffer control;
      if (!control.append_credentials(lie)) return false;
      char byte = 'x';
      iovec data{&byte, 1};
      msghdr message{};
      message.msg_iov = &data;
      message.msg_iovlen = 1;
      message.msg_control = const_cast<std::byte*>(control.bytes().data());
      message.msg_controllen = control.bytes().size();
      if (::sendmsg(pair.left.native_handle(), &message, MSG_NOSIGNAL) != -1 || errno != EPERM) return false;
    }
    return true;
  }};
  CHECK(nobody.succeeded());
}

TEST_CASE("E9: at a full table SCM_PIDFD holds a negative errno, without MSG_CTRUNC", "[kernel][no-valgrind]") {
  const ends pair = make_pair(SOCK_SEQPACKET);
  if (!set(pair.right, 76)) SCM_SKIP("SO_PASSPIDFD needs Linux 6.5");
  REQUIRE(send(pair.left, "x") == 1);
  const test::descriptor_limit full{test::descriptor_limit::leaving_free(0)};
  const auto got = receive(pair.right);
  CHECK(got.pidfd == -EMFILE);
  CHECK((got.flags & MSG_CTRUNC) == 0);
}

TEST_CASE("E10: a socket that never had a peer says pid 0, uid -1", "[kernel]") {
  const owned_fd fresh{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  ucred peer{};
  socklen_t size = sizeof peer;
  REQUIRE(::getsockopt(fresh.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0);
  CHECK(peer.pid == 0);
  CHECK(peer.uid == static_cast<uid_t>(-1));
}
