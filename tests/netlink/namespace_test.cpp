// Sockets in another network namespace, and the thread that goes there for them.
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>
#include <scm/netlink.hpp>

#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

// Of what one is in, here or by a path: its inode.
ino_t identity_of(const std::string& path = "/proc/thread-self/ns/net") {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

// A process in a network namespace of its own, with a socket of this name.
class elsewhere {
 public:
  explicit elsewhere(const std::string& name)
      : ends_{stream::pair().value()}, there_{[&] {
          const bool alone = ::unshare(CLONE_NEWNET) == 0;
          const auto bound = datagram::bind(address::abstract(name).value());
          ends_.second.send(alone ? "y" : "n").value();
          ::pause();
          return true;
        }} {
    std::array<char, 1> answer{};
    ready_ = ends_.first.receive(answer, 0, {.until = in(1min)}) && answer[0] == 'y';
  }
  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] std::string path() const { return "/proc/" + std::to_string(there_.pid()) + "/ns/net"; }
  [[nodiscard]] pid_t pid() const { return there_.pid(); }

 private:
  std::pair<stream, stream> ends_;
  child there_;
  bool ready_ = false;
};

// The names of links, and whether each is up.
std::map<std::string, bool> links(netlink_socket& socket) {
  auto batch = netlink_batch::make(4, limits::netlink_datagram_bytes).value();
  std::map<std::string, bool> out;
  const ifinfomsg all{};
  netlink_reply reply{socket, batch, socket.request(RTM_GETLINK, NLM_F_DUMP, std::as_bytes(std::span{&all, 1})).value(),
                      in(1min)};
  for (;;) {
    const auto message = reply.next();
    REQUIRE(message);
    if (!*message) return out;
    const auto flags = detail::load<unsigned>((*message)->payload, offsetof(ifinfomsg, ifi_flags));
    netlink_attribute_walk walk{(*message)->payload, sizeof(ifinfomsg)};
    while (const auto attribute = walk.next()) {
      if (attribute->type == IFLA_IFNAME) out[std::string{attribute->text()}] = (flags & IFF_UP) != 0;
    }
  }
}

bool lists(const result<unix_socket_list, netlink_error>& list, const address& wanted) {
  REQUIRE(list);
  return std::ranges::find(list->sockets, wanted, &unix_socket::address) != list->sockets.end();
}

}  // namespace

TEST_CASE("a socket is opened in another network namespace, by path, descriptor and pidfd, and the thread comes back",
          "[netlink][no-valgrind]") {
  const elsewhere other{"elsewhere"};
  if (!other.ready()) SCM_SKIP("no network namespace may be made here");
  const ino_t before = identity_of();
  REQUIRE(identity_of(other.path()) != before);

  const owned_fd file{::open(other.path().c_str(), O_RDONLY | O_CLOEXEC)};
  const owned_fd process{static_cast<int>(::syscall(SYS_pidfd_open, other.pid(), 0))};
  std::vector<netlink_socket> sockets;
  sockets.push_back(netlink_socket::open_in(other.path().c_str(), netlink_family::route).value());
  sockets.push_back(netlink_socket::open_in(file, netlink_family::route).value());
  sockets.push_back(netlink_socket::open_in(process, netlink_family::route).value());
  CHECK(identity_of() == before);
  // There it has loopback alone, and that is down.
  for (auto& one : sockets) CHECK(links(one) == std::map<std::string, bool>{{"lo", false}});
  CHECK(sockets[0].shortfall() == netlink_shortfall{});
  auto here = netlink_socket::open(netlink_family::route).value();
  auto own = netlink_socket::open_in("/proc/self/ns/net", netlink_family::route).value();
  CHECK(links(own) == links(here));
}

TEST_CASE("the Unix sockets of another network namespace are listed, and those alone", "[netlink][no-valgrind]") {
  const std::string unique = "scm test " + std::to_string(::getpid());
  const auto there = address::abstract(unique + " there").value();
  const auto here = address::abstract(unique + " here").value();
  const auto bound = datagram::bind(here).value();
  const elsewhere other{unique + " there"};
  if (!other.ready()) SCM_SKIP("no network namespace may be made here");
  auto socket = netlink_socket::open_in(other.path().c_str(), netlink_family::sock_diag).value();
  CHECK(lists(list_unix_sockets(socket, in(1min)), there));
  CHECK_FALSE(lists(list_unix_sockets(socket, in(1min)), here));
  CHECK(lists(list_unix_sockets(), here));
  CHECK_FALSE(lists(list_unix_sockets(), there));
}

TEST_CASE("what is no network namespace is refused, and the thread is where it was", "[netlink]") {
  if (const auto own = netlink_socket::open_in("/proc/self/ns/net", netlink_family::route); !own) {
    CHECK(own.error() == std::errc::operation_not_permitted);
    CHECK_FALSE(own.error().stranded);
    SCM_SKIP("network namespaces are for the privileged");
  }
  const ino_t before = identity_of();
  const temporary_folder folder;
  const std::string fifo = folder / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);  // which nobody opens at its other end
  const auto code = [](const auto& at) { return netlink_socket::open_in(at, netlink_family::route).error(); };
  CHECK(code("/dev/null") == std::errc::invalid_argument);
  CHECK(code("/proc/self/ns/uts") == std::errc::invalid_argument);
  CHECK(code(fifo.c_str()) == std::errc::invalid_argument);
  CHECK(code((folder / "nothing").c_str()) == std::errc::no_such_file_or_directory);
  CHECK(code(borrowed_fd{-1}) == std::errc::bad_file_descriptor);
  CHECK(netlink_socket::open_in("/proc/self/ns/net", netlink_family{1}).error() == std::errc::protocol_not_supported);
  CHECK(identity_of() == before);
}

TEST_CASE("who could go to a namespace but not come back does not go", "[netlink][no-valgrind]") {
  // Root of a user namespace has a say in the network namespaces that are made there, and none in the one it is in.
  enum { good, wrong, no_namespaces };
  const auto body = [] {
    if (::unshare(CLONE_NEWUSER) != 0) return no_namespaces;
    const elsewhere other{"elsewhere"};
    if (!other.ready()) return no_namespaces;
    const ino_t before = identity_of();
    const auto refused = netlink_socket::open_in(other.path().c_str(), netlink_family::route);
    if (refused || refused.error() != std::errc::operation_not_permitted || refused.error().stranded) return wrong;
    if (identity_of() != before) return wrong;
    // That it could have gone, and would have been lost.
    const owned_fd home{::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)};
    const owned_fd there{::open(other.path().c_str(), O_RDONLY | O_CLOEXEC)};
    const bool gone = ::setns(there.native_handle(), CLONE_NEWNET) == 0 && identity_of() != before;
    return gone && ::setns(home.native_handle(), CLONE_NEWNET) == -1 && errno == EPERM ? good : wrong;
  };
  child process{[&]() -> bool { ::_exit(body()); }};
  const int status = process.wait();
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == no_namespaces) SCM_SKIP("no user namespace may be made here");
  CHECK(WEXITSTATUS(status) == good);
}
