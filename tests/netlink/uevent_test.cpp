// Uevents of the running kernel, and of processes that would have theirs taken for such.
#include "netlink/built.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"

#include <scm/netlink.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kernel_group = 1;
constexpr const char* trigger = "/sys/devices/virtual/mem/null/uevent";

struct told {
  netlink_datagram what;
  std::string text;
};

// The first event, of all that the machine's devices tell, that has this word in it.
std::optional<told> event_with(netlink_socket& socket, std::string_view word) {
  auto batch = netlink_batch::make(4, 8192).value();
  const deadline until = in(10s);
  while (socket.receive(batch, until)) {
    for (const netlink_datagram& one : batch) {
      const std::string text{reinterpret_cast<const char*>(one.bytes.data()), one.bytes.size()};
      if (text.find(word) != text.npos) return told{one, text};
    }
  }
  return {};
}

sockaddr_nl to(std::uint32_t port, std::uint32_t groups) {
  sockaddr_nl out{};
  out.nl_family = AF_NETLINK;
  out.nl_pid = port;
  out.nl_groups = groups;
  return out;
}

bool send(const netlink_socket& from, const sockaddr_nl& where, std::span<const std::byte> bytes) {
  return ::sendto(from.fd().native_handle(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&where),
                  sizeof where) == static_cast<ssize_t>(bytes.size());
}

// Why not, in a place where devices or groups are out of reach.
std::optional<netlink_socket> listening(bool credentials) {
  auto socket = netlink_socket::open(netlink_family::uevent, {.credentials = credentials});
  if (!socket || !socket->join(kernel_group)) return {};
  return *std::move(socket);
}

}  // namespace

TEST_CASE("an event of the kernel's is the kernel's by its address and by its credentials", "[netlink]") {
  auto socket = listening(true);
  const owned_fd device{::open(trigger, O_WRONLY | O_CLOEXEC)};
  if (!socket || !device) SCM_SKIP("takes uevents, and a device whose file may be written to");
  const std::string asked = "change 6ba7b810-9dad-11d1-80b4-" + std::to_string(100'000'000'000 + ::getpid());
  if (::write(device.native_handle(), asked.data(), asked.size()) < 0) SCM_SKIP("no uevent may be asked for");
  const auto event = event_with(*socket, "SYNTH_UUID=6ba7b810");
  REQUIRE(event);
  CHECK(event->text.starts_with("change@/devices/virtual/mem/null"));
  CHECK(event->what.from_kernel());
  CHECK(event->what.sender == 0);
  CHECK(event->what.groups == 1);
  REQUIRE(event->what.credentials);
  CHECK(event->what.credentials->pid == 0);
}

TEST_CASE("what another process says to the group of the kernel's events is not the kernel's", "[netlink]") {
  for (const bool credentials : {false, true}) {
    auto socket = listening(credentials);
    const auto forger = netlink_socket::open(netlink_family::uevent).value();
    const auto forged = built{}.bytes_of("add@/devices/forged").number('\0').bytes;
    if (!socket || !send(forger, to(0, 1), forged)) SCM_SKIP("groups are for the privileged");
    const auto event = event_with(*socket, "forged");
    REQUIRE(event);
    CHECK(event->what.sender == forger.port());
    CHECK_FALSE(event->what.from_kernel());
    CHECK(event->what.credentials.has_value() == credentials);
    if (credentials) CHECK(event->what.credentials == scm::credentials::own());
  }
}

TEST_CASE("an event that a process has the kernel tell comes from its address, and only credentials show it",
          "[netlink]") {
  const auto forge = [](netlink_socket& from) {
    return send(from, to(0, 0), built{}.message(16, 1, 1, 0, built{}.bytes_of("add@/devices/relayed").bytes).bytes);
  };
  auto trusting = listening(false);
  auto careful = listening(true);
  auto forger = netlink_socket::open(netlink_family::uevent).value();
  if (!trusting || !careful || !forge(forger)) SCM_SKIP("groups are for the privileged");
  const auto believed = event_with(*trusting, "relayed");
  if (!believed) SCM_SKIP("this kernel relays no events here");
  CHECK(believed->what.sender == 0);
  CHECK(believed->what.from_kernel());  // the fact that makes credentials necessary

  const auto seen = event_with(*careful, "relayed");
  REQUIRE(seen);
  CHECK(seen->what.sender == 0);
  CHECK_FALSE(seen->what.from_kernel());
  CHECK(seen->what.credentials == credentials::own());
}

TEST_CASE("nobody can claim to be process 0", "[netlink]") {
  auto socket = listening(true);
  if (!socket) SCM_SKIP("groups are for the privileged");
  const auto forger = netlink_socket::open(netlink_family::uevent).value();
  auto where = to(socket->port(), 0);
  iovec bytes{const_cast<char*>("forged"), 6};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(ucred))> control{};
  const cmsghdr header{CMSG_LEN(sizeof(ucred)), SOL_SOCKET, SCM_CREDENTIALS};
  const ucred nobody{0, ::getuid(), ::getgid()};
  std::memcpy(control.data(), &header, sizeof header);
  std::memcpy(control.data() + CMSG_LEN(0), &nobody, sizeof nobody);
  msghdr message{};
  message.msg_name = &where;
  message.msg_namelen = sizeof where;
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  CHECK(::sendmsg(forger.fd().native_handle(), &message, 0) == -1);
  CHECK((errno == ESRCH || errno == EPERM));
}

TEST_CASE("with credentials an answer is the kernel's all the same", "[netlink]") {
  auto socket = netlink_socket::open(netlink_family::generic, {.credentials = true}).value();
  auto batch = netlink_batch::make(1, 4096).value();
  netlink_reply reply{socket, batch, socket.request(0x7777, 0, {}).value(), in(1min)};
  const auto refused = reply.next();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == std::errc::no_such_file_or_directory);
  // The same room serves a socket without them.
  auto other = netlink_socket::open(netlink_family::generic).value();
  REQUIRE(other.request(0x7777, 0, {}));
  REQUIRE(other.receive(batch, in(1min)) == 1U);
  CHECK(batch[0].from_kernel());
  CHECK_FALSE(batch[0].credentials);
}
