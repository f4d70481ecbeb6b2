// The list of all Unix sockets, held to sockets that are made here, to /proc/net/unix and to ss(8).
#include "netlink/built.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>
#include <scm/netlink.hpp>

#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace scm;
using namespace scm::test;
using fault = parse_error::fault;

namespace {

std::uint32_t inode_of(borrowed_fd fd) {
  struct stat status{};
  REQUIRE(::fstat(fd.native_handle(), &status) == 0);
  return static_cast<std::uint32_t>(status.st_ino);
}

std::vector<unix_socket> all_sockets() { return list_unix_sockets().value().sockets; }

unix_socket entry_of(borrowed_fd fd) {
  const auto list = list_unix_sockets();
  REQUIRE(list);
  const auto found = std::ranges::find(list->sockets, inode_of(fd), &unix_socket::inode);
  REQUIRE(found != list->sockets.end());
  return *found;
}

std::vector<std::byte> entry(int type, int state, const built& attributes) {
  built out;
  out.number(unix_diag_msg{AF_UNIX, static_cast<__u8>(type), static_cast<__u8>(state), 0, 77, {1, 2}});
  out.bytes.insert(out.bytes.end(), attributes.bytes.begin(), attributes.bytes.end());
  return out.bytes;
}

auto decoded(const std::vector<std::byte>& bytes) {
  return decode_unix_socket({SOCK_DIAG_BY_FAMILY, NLM_F_MULTI, 1, 0, bytes, 0});
}

// What of a socket other lists tell too, as they spell it.
using told = std::set<std::tuple<unsigned, std::string>>;

told ours() {
  told out;
  for (const auto& one : all_sockets()) {
    std::string name{one.address.name()};
    if (one.address.kind() == address::form::abstract) name = '@' + name;
    std::ranges::replace(name, '\0', '@');
    if (one.inode != 0) out.emplace(one.inode, name);
  }
  return out;
}

told of_proc() {
  told out;
  std::ifstream file{"/proc/net/unix"};
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream words{line};
    std::string skipped;
    for (int i = 0; i != 6; ++i) words >> skipped;
    unsigned inode = 0;
    words >> inode;
    std::string name;
    words.get();
    std::getline(words, name);
    if (inode != 0) out.emplace(inode, name);
  }
  return out;
}

// Others come and go: what is listed here before and after must be there, and what is there must be listed here before
// or after, once.
template <class List, class Other>
bool agree(List ours, Other other) {
  for (int attempt = 0; attempt != 50; ++attempt) {
    const auto before = ours();
    const auto theirs = other();
    const auto after = ours();
    const bool all =
        std::ranges::all_of(before, [&](const auto& one) { return !after.contains(one) || theirs.contains(one); });
    const bool none_else =
        std::ranges::all_of(theirs, [&](const auto& one) { return before.contains(one) || after.contains(one); });
    if (all && none_else) return true;
    ::usleep(10'000);
  }
  return false;
}

}  // namespace

TEST_CASE("each end of a pair is connected to the other, and says what waits in it", "[netlink]") {
  auto [left, right] = stream::pair().value();
  REQUIRE(left.send("12345") == 5U);
  const auto one = entry_of(left.fd());
  const auto other = entry_of(right.fd());
  CHECK(one.type == SOCK_STREAM);
  CHECK(one.state == unix_socket_state::connected);
  CHECK(one.peer == other.inode);
  CHECK(other.peer == one.inode);
  CHECK(one.cookie != 0);
  CHECK(one.cookie != other.cookie);
  CHECK(one.address.kind() == address::form::unnamed);
  CHECK_FALSE(one.bound_file);
  CHECK(one.pending.empty());
  REQUIRE(other.queued);
  CHECK(other.queued->receive == 5);
  REQUIRE(one.queued);
  CHECK(one.queued->receive == 0);
  CHECK(one.queued->send > 5);
  if (one.user) CHECK(*one.user == ::geteuid());
}

TEST_CASE("a socket that was shut down says which way, and one without its peer that it has none", "[netlink]") {
  auto [left, right] = stream::pair().value();
  CHECK(entry_of(left.fd()).sends);
  CHECK(entry_of(left.fd()).receives);
  REQUIRE(left.shutdown_send());
  CHECK_FALSE(entry_of(left.fd()).sends);
  CHECK(entry_of(left.fd()).receives);
  CHECK_FALSE(entry_of(right.fd()).receives);
  CHECK(entry_of(right.fd()).sends);
  {
    const auto gone = std::move(right);
  }
  const auto alone = entry_of(left.fd());
  CHECK(alone.state == unix_socket_state::connected);
  CHECK(alone.peer.value_or(0) == 0);
}

TEST_CASE("a listener has its path, its file, and those that wait", "[netlink]") {
  const temporary_folder folder;
  const std::string path = folder / "socket";
  auto server = listener<stream>::bind(address::path(path).value(), {.backlog = 5}).value();
  struct stat file{};
  REQUIRE(::stat(path.c_str(), &file) == 0);
  const auto quiet = entry_of(server.fd());
  CHECK(quiet.state == unix_socket_state::listening);
  CHECK(quiet.address == address::path(path).value());
  REQUIRE(quiet.bound_file);
  CHECK(quiet.bound_file->inode == static_cast<std::uint32_t>(file.st_ino));
  CHECK(quiet.pending.empty());
  CHECK(quiet.queued == unix_socket::queues{0, 5});

  const auto one = stream::connect(address::path(path).value()).value();
  const auto other = stream::connect(address::path(path).value()).value();
  const auto asked = entry_of(server.fd());
  CHECK(asked.queued == unix_socket::queues{2, 5});
  CHECK(asked.pending == std::vector{inode_of(one.fd()), inode_of(other.fd())});
  // Nobody has the other end yet.
  CHECK(entry_of(one.fd()).state == unix_socket_state::connected);
  CHECK(entry_of(one.fd()).peer == 0U);

  const auto accepted = server.accept().value();
  CHECK(entry_of(one.fd()).peer == inode_of(accepted.fd()));
  CHECK(entry_of(accepted.fd()).address == address::path(path).value());
  CHECK(entry_of(server.fd()).pending == std::vector{inode_of(other.fd())});
}

TEST_CASE("names are bytes: abstract ones with NULs, and paths that use all the room", "[netlink]") {
  const std::string odd{"scm\0test \x01", 10};
  const auto abstract = address::abstract(odd + std::to_string(::getpid())).value();
  const auto bound = datagram::bind(abstract).value();
  const auto one = entry_of(bound.fd());
  CHECK(one.type == SOCK_DGRAM);
  CHECK(one.state == unix_socket_state::unconnected);
  CHECK(one.address == abstract);
  CHECK_FALSE(one.peer);

  const temporary_folder folder;
  std::string longest = folder / "x";
  longest.resize(limits::address_bytes, 'x');
  const auto full = datagram::bind(address::path(longest).value()).value();
  CHECK(entry_of(full.fd()).address == address::path(longest).value());

  const auto empty = address::abstract("").value();
  if (const auto nameless = datagram::bind(empty)) CHECK(entry_of(nameless->fd()).address == empty);
}

TEST_CASE("every type of socket is in the list", "[netlink]") {
  const auto seqpackets = seqpacket::pair().value();
  const auto datagrams = datagram::pair().value();
  CHECK(entry_of(seqpackets.first.fd()).type == SOCK_SEQPACKET);
  CHECK(entry_of(datagrams.first.fd()).type == SOCK_DGRAM);
  CHECK(entry_of(datagrams.first.fd()).peer == inode_of(datagrams.second.fd()));
}

TEST_CASE("the list is that of /proc/net/unix", "[netlink]") {
  const auto kept = stream::pair().value();
  CHECK(agree(ours, of_proc));
}

TEST_CASE("the list is that of ss, with peers", "[netlink]") {
  if (::access("/usr/bin/ss", X_OK) != 0) SCM_SKIP("ss is not installed");
  const auto kept = stream::pair().value();
  using numbers = std::set<std::tuple<unsigned, unsigned, std::string>>;
  const auto list = [] {
    numbers out;
    for (const auto& one : all_sockets()) {
      std::string state = "UNCONN";
      if (one.state == unix_socket_state::connected) state = "ESTAB";
      if (one.state == unix_socket_state::listening) state = "LISTEN";
      if (one.inode != 0) out.emplace(one.inode, one.peer.value_or(0), state);
    }
    return out;
  };
  const auto of_ss = [] {
    numbers out;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> output{::popen("/usr/bin/ss -xaH", "re"), ::pclose};
    REQUIRE(output);
    std::string text;
    std::array<char, 4096> block;
    while (const std::size_t size = std::fread(block.data(), 1, block.size(), output.get())) {
      text.append(block.data(), size);
    }
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words{line};
      std::vector<std::string> all;
      for (std::string word; words >> word;) all.push_back(word);
      if (all.size() < 8) continue;
      // The last four are two names and two inodes; a name may have blanks.
      const auto number = [&](std::size_t from_the_end) {
        return static_cast<unsigned>(std::stoul(all[all.size() - from_the_end]));
      };
      if (number(3) != 0) out.emplace(number(3), number(1), all[1]);
    }
    return out;
  };
  CHECK(agree(list, of_ss));
}

TEST_CASE("a thousand sockets take more than one datagram, and all are listed", "[netlink]") {
  std::vector<std::pair<datagram, datagram>> pairs;
  for (int i = 0; i != 400; ++i) {
    auto pair = datagram::pair();
    if (!pair) break;
    pairs.push_back(*std::move(pair));
  }
  std::set<std::uint32_t> listed;
  for (const auto& one : all_sockets()) listed.insert(one.inode);
  for (const auto& [left, right] : pairs) {
    CHECK(listed.contains(inode_of(left.fd())));
    CHECK(listed.contains(inode_of(right.fd())));
  }
}

TEST_CASE("more sockets than allowed are an error, not a shorter list", "[netlink]") {
  const auto pair = stream::pair().value();
  CHECK(list_unix_sockets(no_deadline, 1).error().code() == errc::over_limit);
}

TEST_CASE("an entry is decoded from its bytes alone", "[netlink]") {
  built name;
  name.attribute(UNIX_DIAG_NAME, built{}.number('\0').bytes_of("name").bytes);
  name.attribute(UNIX_DIAG_VFS, built{}.number(unix_diag_vfs{5, 6}).bytes);
  name.attribute(UNIX_DIAG_PEER, built{}.number<std::uint32_t>(8).bytes);
  name.attribute(UNIX_DIAG_ICONS, built{}.number<std::uint32_t>(9).number<std::uint32_t>(10).bytes);
  name.attribute(UNIX_DIAG_RQLEN, built{}.number(unix_diag_rqlen{11, 12}).bytes);
  name.attribute(UNIX_DIAG_SHUTDOWN, built{}.number<std::uint8_t>(3).bytes);
  name.attribute(UNIX_DIAG_UID, built{}.number<std::uint32_t>(13).bytes);
  name.attribute(200, built{}.number<std::uint8_t>(1).bytes);
  const auto one = decoded(entry(SOCK_SEQPACKET, 10, name));
  REQUIRE(one);
  unix_socket wanted;
  wanted.type = SOCK_SEQPACKET;
  wanted.state = unix_socket_state::listening;
  wanted.inode = 77;
  wanted.cookie = 1 | std::uint64_t{2} << 32;
  wanted.address = address::abstract("name").value();
  wanted.bound_file = unix_socket::file{5, 6};
  wanted.peer = 8;
  wanted.pending = {9, 10};
  wanted.queued = unix_socket::queues{11, 12};
  wanted.user = 13;
  wanted.receives = wanted.sends = false;
  CHECK(*one == wanted);
  CHECK(decoded(entry(SOCK_DGRAM, 3, {}))->state == unix_socket_state::unknown);
}

TEST_CASE("an entry that breaks the rules is malformed", "[netlink]") {
  const auto refused = [](const std::vector<std::byte>& bytes) {
    const auto one = decoded(bytes);
    REQUIRE_FALSE(one);
    CHECK(one.error().code() == errc::malformed);
  };
  refused({});
  refused(built{}.bytes_of("fifteen bytes..").bytes);
  refused(built{}.number(unix_diag_msg{AF_INET, 1, 1, 0, 0, {}}).bytes);
  for (const int type :
       {UNIX_DIAG_VFS, UNIX_DIAG_PEER, UNIX_DIAG_ICONS, UNIX_DIAG_RQLEN, UNIX_DIAG_SHUTDOWN, UNIX_DIAG_UID}) {
    refused(entry(1, 1, built{}.attribute(type, built{}.bytes_of("three").bytes)));
  }
  refused(entry(1, 1, built{}.attribute(UNIX_DIAG_NAME, built{}.bytes_of(std::string(109, 'x')).bytes)));
  refused(entry(1, 1, built{}.number<std::uint16_t>(5).number<std::uint16_t>(0)));
}
