// `scm sockets`: what it lists of sockets that are made here, who holds them, and what waits in them.
#include "cli/run_program.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>
#include <scm/core/control_buffer.hpp>

#include <sys/file.h>
#include <sys/stat.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cstdlib>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace scm;
using namespace scm::test;
using nlohmann::json;

namespace {

finished sockets(std::vector<std::string> arguments, const std::function<bool()>& prepare = {}) {
  arguments.insert(arguments.begin(), "sockets");
  return run_program(arguments, {}, prepare);
}

std::vector<json> records(std::vector<std::string> arguments) {
  arguments.push_back("--json");
  const finished run = sockets(arguments);
  INFO(run.err);
  CHECK(run.status == 0);
  return json::parse(run.out);
}

std::string own_pid() { return std::to_string(::getpid()); }

std::uint64_t inode_of(const channel& one) {
  struct stat status{};
  REQUIRE(::fstat(one.fd().native_handle(), &status) == 0);
  return status.st_ino;
}

json record_of(std::uint64_t inode, const std::vector<std::string>& arguments = {}) {
  for (const auto& one : records(arguments)) {
    if (one.at("inode") == inode) return one;
  }
  FAIL("socket " << inode << " is not listed");
  return {};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("a socket is listed with its peer, its holder, and what waits in it", "[cli]") {
  auto [left, right] = stream::pair().value();
  const owned_fd file = opened("/dev/null", O_RDONLY);
  REQUIRE(left.send("123", {file, file}) == 3U);
  const json one = record_of(inode_of(right));
  CHECK(one.at("type") == "stream");
  CHECK(one.at("state") == "connected");
  CHECK(one.at("address").is_null());
  CHECK(one.at("peer").at("inode") == inode_of(left));
  CHECK(one.at("receive_bytes") == 3);
  CHECK(one.at("in_flight") == 2);
  CHECK(one.at("uid") == ::geteuid());
  REQUIRE(one.at("holders").size() == 1);
  CHECK(one.at("holders")[0].at("pid") == ::getpid());
  CHECK(one.at("holders")[0].at("fds") == json{right.fd().native_handle()});
  CHECK(one.at("holders")[0].at("name") == "test_cli");
  const json other = record_of(inode_of(left));
  CHECK(other.at("in_flight") == 0);
  CHECK(other.at("receive_bytes") == 0);
  CHECK(other.at("send_memory") > 3);
}

TEST_CASE("descriptors that wait with an empty packet, or before a connection is accepted, are counted", "[cli]") {
  const temporary_folder folder;
  const owned_fd file = opened("/dev/null", O_RDONLY);
  const auto [left, right] = seqpacket::pair().value();
  control_buffer control;
  const std::array lent{file.get()};
  REQUIRE(control.append_rights(lent));
  msghdr empty{};
  empty.msg_control = const_cast<std::byte*>(control.bytes().data());
  empty.msg_controllen = control.bytes().size();
  REQUIRE(::sendmsg(left.fd().native_handle(), &empty, 0) == 0);
  const json one = record_of(inode_of(right));
  CHECK(one.at("receive_bytes") == 0);
  CHECK(one.at("in_flight") == 1);
  CHECK(record_of(inode_of(left)).at("in_flight") == 0);

  const auto at = address::path(folder / "socket").value();
  const auto server = listener<stream>::bind(at).value();
  auto client = stream::connect(at).value();
  REQUIRE(client.send("x", {file, file}));
  CHECK(records({"--address", folder / "*"})[0].at("in_flight") == 2);
}

TEST_CASE("--in-flight lists only sockets in which descriptors wait, --pid only those of a process", "[cli]") {
  auto [left, right] = seqpacket::pair().value();
  const owned_fd file = opened("/dev/null", O_RDONLY);
  REQUIRE(left.send("x", {file}) == 1U);
  const auto waiting = records({"--in-flight", "--pid", own_pid()});
  REQUIRE(waiting.size() == 1);
  CHECK(waiting[0].at("inode") == inode_of(right));
  std::set<std::uint64_t> held;
  for (const auto& one : records({"--pid", own_pid()})) held.insert(one.at("inode").get<std::uint64_t>());
  CHECK(held.contains(inode_of(left)));
  CHECK(held.contains(inode_of(right)));
  CHECK(records({"--pid", own_pid(), "--address", "/no such address"}).empty());
}

TEST_CASE("a listener is found by its address, and so are those that are connected to it", "[cli]") {
  const temporary_folder folder;
  const std::string path = folder / "a socket";
  const auto server = listener<stream>::bind(address::path(path).value(), {.backlog = 7}).value();
  const auto waiting = stream::connect(address::path(path).value()).value();
  const auto found = records({"--address", folder / "*"});
  // The kernel does not list the end that nobody has yet.
  REQUIRE(found.size() == 2);
  CHECK(found[0].at("state") == "listening");
  CHECK(found[0].at("address") == path);
  CHECK(found[0].at("waiting") == 1);
  CHECK(found[0].at("backlog") == 7);
  CHECK(found[0].at("pending") == json{inode_of(waiting)});
  CHECK(found[0].contains("file_inode"));
  CHECK(found[1].at("address").is_null());
  CHECK(found[1].at("inode") == inode_of(waiting));
  CHECK(found[1].at("peer") == json{{"inode", 0}, {"address", path}});
}

TEST_CASE("the table has the same, aligned, and is safe on a terminal", "[cli]") {
  const auto name = address::abstract("scm \x1b[31m test " + own_pid()).value();
  const auto bound = datagram::bind(name).value();
  const finished run = sockets({"--address", "@scm*test " + own_pid()});
  CHECK(run.status == 0);
  CHECK(run.err.empty());
  std::istringstream lines{run.out};
  std::string title, line, more;
  REQUIRE(std::getline(lines, title));
  REQUIRE(std::getline(lines, line));
  CHECK_FALSE(std::getline(lines, more));
  CHECK(title.starts_with("TYPE "));
  CHECK(title.ends_with(" HOLDERS"));
  CHECK(line.starts_with("dgram unconnected "));
  const std::string shown = "@scm \\x1b[31m test " + own_pid();
  CHECK(title.find("ADDRESS") == line.find(shown));
  CHECK(title.find("HOLDERS") == line.find("test_cli("));
  CHECK(line.ends_with("test_cli(" + own_pid() + "):" + std::to_string(bound.fd().native_handle())));
}

TEST_CASE("on a terminal the table is coloured and aligned all the same, unless colours are unwanted", "[cli]") {
  const auto pair = stream::pair().value();
  const auto bound = datagram::bind(address::abstract("scm colour " + own_pid()).value()).value();
  const std::vector<std::string> arguments{"sockets", "--address", "@scm colour " + own_pid()};
  const auto on_a_terminal = [&](const char* name, const char* value) -> std::string {
    const owned_fd terminal{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    REQUIRE(terminal);
    REQUIRE(::unlockpt(terminal.native_handle()) == 0);
    std::array<char, 64> path{};
    REQUIRE(::ptsname_r(terminal.native_handle(), path.data(), path.size()) == 0);
    const owned_fd side{::open(path.data(), O_RDWR | O_NOCTTY | O_CLOEXEC)};
    if (!side) return {};
    const auto run = run_program(arguments, {{1, side}}, [&] {
      return ::setenv("TERM", "xterm", 1) == 0 && ::unsetenv("NO_COLOR") == 0 && ::setenv(name, value, 1) == 0;
    });
    CHECK(run.status == 0);
    std::array<char, 4096> text{};
    const ssize_t size = ::read(terminal.native_handle(), text.data(), text.size());
    std::string out{text.data(), size < 0 ? 0 : static_cast<std::size_t>(size)};
    std::erase(out, '\r');  // which the terminal adds
    return out;
  };
  const std::string coloured = on_a_terminal("NO_COLOR", "");
  if (coloured.empty()) SCM_SKIP("no terminal can be made here");
  CHECK(contains(coloured, "\x1b[36m@scm colour " + own_pid() + "\x1b[0m"));
  const std::string plain = on_a_terminal("NO_COLOR", "1");
  CHECK_FALSE(contains(plain, "\x1b"));
  CHECK(on_a_terminal("TERM", "dumb") == plain);
  CHECK(run_program(arguments).out == plain);
  CHECK(std::regex_replace(coloured, std::regex{"\x1b\\[[0-9;]*m"}, "") == plain);
}

TEST_CASE("who made the other end is listed, and what a socket is told of it when that is asked for", "[cli]") {
  const temporary_folder folder;
  const std::string path = folder / "socket";
  auto server = listener<stream>::bind(address::path(path).value()).value();
  const auto client = stream::connect(address::path(path).value()).value();
  const auto accepted = server.accept().value();
  const json one = record_of(inode_of(client));
  CHECK(one.at("peer").at("uid") == ::geteuid());
  CHECK_FALSE(one.contains("peer_credentials"));
  const json own{{"pid", ::getpid()}, {"uid", ::geteuid()}, {"gid", ::getegid()}};
  CHECK(record_of(inode_of(client), {"--peer-credentials"}).at("peer_credentials") == own);
  CHECK(record_of(inode_of(accepted), {"--peer-credentials"}).at("peer_credentials") == own);
  const auto found = records({"--peer-credentials", "--address", path});
  REQUIRE(found.size() == 3);
  CHECK(found[0].at("state") == "listening");
  CHECK_FALSE(found[0].contains("peer_credentials"));
  const finished table = sockets({"--peer-credentials", "--address", path});
  CHECK(contains(table.out, " PEER-UID PEER-CREDENTIALS HOLDERS\n"));
  CHECK(contains(table.out,
                 " " + own_pid() + ":" + std::to_string(::geteuid()) + ":" + std::to_string(::getegid()) + " "));
}

TEST_CASE("named sockets come first, in the order of their names", "[cli]") {
  const temporary_folder folder;
  const auto second = datagram::bind(address::path(folder / "b").value()).value();
  const auto first = datagram::bind(address::path(folder / "a").value()).value();
  const auto pair = datagram::pair().value();
  const auto all = records({"--pid", own_pid()});
  REQUIRE(all.size() == 4);
  CHECK(all[0].at("address") == folder / "a");
  CHECK(all[1].at("address") == folder / "b");
  CHECK(all[2].at("address").is_null());
  CHECK(all[2].at("inode") < all[3].at("inode"));
}

TEST_CASE("a holder who hides the number of descriptors in flight makes it unknown, not 0", "[cli]") {
  auto [left, right] = stream::pair().value();
  const owned_fd file = opened("/dev/null", O_RDONLY);
  REQUIRE(left.send("x", {file}) == 1U);
  // A line for each lock stands before the number.
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_len = 1;
  for (int i = 0; i != 2000; ++i) {
    lock.l_start = 2 * i;
    if (::fcntl(right.fd().native_handle(), F_OFD_SETLK, &lock) != 0) SCM_SKIP("sockets cannot be locked here");
  }
  CHECK_FALSE(record_of(inode_of(right)).contains("in_flight"));
}

TEST_CASE("a process that is not there is reported, and the status is 1", "[cli]") {
  const finished run = sockets({"--pid", "2147483647"});
  CHECK(run.status == 1);
  CHECK(run.err == "scm: 2147483647: no such process\n");
  const finished empty = sockets({"--pid", "2147483647", "--json"});
  CHECK(empty.status == 1);
  CHECK(empty.out == "[]\n");
}

TEST_CASE("wrong usage of sockets is status 2", "[cli]") {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"--pid"}, {"--pid", "0"}, {"--pid", "x"}, {"--pid", "-1"}, {"--address"}, {"word"}, {"--no-such"}}) {
    const finished run = sockets(arguments);
    INFO(run.err);
    CHECK(run.status == 2);
    CHECK(contains(run.err, "scm"));
    CHECK(run.out.empty());
  }
  CHECK(contains(sockets({"--help"}).out, "--in-flight"));
}

TEST_CASE("without the right to look, the sockets are listed and the holders said to be missing", "[cli]") {
  if (::geteuid() != 0) SCM_SKIP("takes root, to be somebody else");
  const auto pair = stream::pair().value();
  const auto as_nobody = [] { return ::setgid(65534) == 0 && ::setuid(65534) == 0; };
  const finished run = sockets({"--json"}, as_nobody);
  CHECK(run.status == 0);
  CHECK(contains(run.err, "may not be looked into"));
  bool listed = false;
  for (const auto& one : json::parse(run.out)) listed = listed || one.at("inode") == inode_of(pair.first);
  CHECK(listed);
  const finished held = sockets({"--pid", own_pid()}, as_nobody);
  CHECK(held.status == 1);
  CHECK(contains(held.err, own_pid() + ": not permitted"));
}
