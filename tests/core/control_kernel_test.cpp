// The kernel as the judge of control data: what is built here arrives, and what arrives is read here.
#include "support/catch.hpp"
#include "support/witness.hpp"

#include <scm/core/control_buffer.hpp>
#include <scm/core/control_items.hpp>
#include <scm/core/descriptor_list.hpp>

#include <sys/socket.h>

#include <array>
#include <optional>
#include <vector>

using scm::borrowed_fd;
using scm::control_buffer;
using scm::control_kind;
using scm::descriptor_list;
using scm::owned_fd;
using scm::test::witness;

namespace {

struct pair {
  pair() {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    near.reset(ends[0]);
    far.reset(ends[1]);
    const int on = 1;
    REQUIRE(::setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
  }
  owned_fd near, far;
};

ssize_t send(const pair& sockets, std::span<const std::byte> control) {
  char byte = 'x';
  iovec bytes{&byte, 1};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = const_cast<std::byte*>(control.data());
  message.msg_controllen = control.size();
  return ::sendmsg(sockets.near.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

struct arrival {
  descriptor_list descriptors;
  std::optional<scm::credentials> sender;
  bool faulty = false;
};

arrival receive(const pair& sockets) {
  char byte{};
  iovec bytes{&byte, 1};
  alignas(cmsghdr) std::array<std::byte, scm::control_room{.rights = 253, .credentials = true}.bytes()> room;
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  REQUIRE(::recvmsg(sockets.far.native_handle(), &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) == 1);
  REQUIRE((message.msg_flags & MSG_CTRUNC) == 0);

  arrival got;
  REQUIRE(got.descriptors.reserve(253));
  scm::control_view walk{{room.data(), message.msg_controllen}};
  while (const auto item = walk.next()) {
    if (scm::kind_of(*item) == control_kind::rights) {
      const auto slots = scm::as_rights(*item);
      for (std::size_t i = 0; i != slots.size(); ++i) REQUIRE(got.descriptors.adopt(slots[i]));
    } else if (const auto sender = scm::as_credentials(*item)) {
      got.sender = *sender;
    }
  }
  got.faulty = walk.error().has_value();
  return got;
}

}  // namespace

TEST_CASE("what a control buffer holds arrives through the kernel in order") {
  const pair sockets;
  std::array<witness, 5> files;
  descriptor_list mine;
  for (witness& file : files) REQUIRE(mine.adopt(file.give()));

  control_buffer buffer;
  REQUIRE(buffer.append_rights(mine.view().first(2)));
  REQUIRE(buffer.append_credentials(scm::credentials::own()));
  REQUIRE(buffer.append_rights(mine.view().subspan(2)));
  REQUIRE(send(sockets, buffer.bytes()) == 1);

  const arrival got = receive(sockets);
  CHECK_FALSE(got.faulty);
  REQUIRE(got.sender.has_value());
  CHECK(*got.sender == scm::credentials::own());
  REQUIRE(got.descriptors.size() == files.size());
  for (std::size_t i = 0; i != files.size(); ++i) CHECK(files[i].is(got.descriptors[i]));
}

TEST_CASE("the kernel takes 253 descriptors from a buffer that took them") {
  const pair sockets;
  witness file;
  const owned_fd one = file.give();
  control_buffer buffer;
  REQUIRE(buffer.append_rights(std::vector(200, one.get())));
  REQUIRE(buffer.append_rights(std::vector(53, one.get())));
  REQUIRE(send(sockets, buffer.bytes()) == 1);
  const arrival got = receive(sockets);
  REQUIRE(got.descriptors.size() == 253);
  CHECK(file.is(got.descriptors[0]));
  CHECK(file.is(got.descriptors[252]));
}

TEST_CASE("the kernel refuses a descriptor more than a buffer takes") {
  const pair sockets;
  witness file;
  const owned_fd one = file.give();
  control_buffer buffer;
  REQUIRE(buffer.append_rights(std::vector(253, one.get())));
  control_buffer another;
  REQUIRE(another.append_rights(std::vector(1, one.get())));
  std::vector<std::byte> bytes{buffer.bytes().begin(), buffer.bytes().end()};
  bytes.insert(bytes.end(), another.bytes().begin(), another.bytes().end());
  CHECK(send(sockets, bytes) == -1);
  CHECK(errno == EINVAL);
}

TEST_CASE("the kernel answers EBADF to the refused and taken slots of a forwarded list") {
  const pair sockets;
  witness file, other;
  descriptor_list list;
  REQUIRE(list.adopt(file.give()));
  REQUIRE(list.adopt(other.give()));
  const bool take = GENERATE(true, false);
  if (take) {
    CHECK(list.take(0));
  } else {
    REQUIRE(list.adopt(-13));
  }
  control_buffer buffer;
  REQUIRE(buffer.append_rights(list));
  CHECK(send(sockets, buffer.bytes()) == -1);
  CHECK(errno == EBADF);
}
