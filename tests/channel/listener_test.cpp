// Addresses, the files that stand for them, and listeners.
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>

#include <sys/stat.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

using namespace scm;
using test::temporary_folder;
namespace fs = std::filesystem;

namespace {
std::array<std::byte, 64> buffer;

mode_t mode_of(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

address at(const std::string& path) { return address::path(path).value(); }

// A socket file that nobody listens at.
void leave_stale_file(const std::string& path) {
  auto dead = listener<stream>::bind(at(path)).value();
  dead.keep_file();
}
}  // namespace

TEMPLATE_TEST_CASE("a channel connects to a listener at a path and passes a descriptor", "[listener]", stream,
                   seqpacket) {
  const temporary_folder where;
  const address here = at(where / "socket");
  {
    auto server = listener<TestType>::bind(here).value();
    CHECK(server.local_address().value() == here);
    auto client = TestType::connect(here).value();
    auto accepted = server.accept().value();
    CHECK(::fcntl(accepted.fd().native_handle(), F_GETFD) == FD_CLOEXEC);
    CHECK((::fcntl(accepted.fd().native_handle(), F_GETFL) & O_NONBLOCK) == 0);
    CHECK(client.peer_address().value() == here);
    const owned_fd file = test::scratch_file();
    REQUIRE(client.send("x", {file}));
    CHECK(accepted.receive(buffer, 1)->descriptors.size() == 1);
  }
  CHECK(fs::is_empty(where.path()));
}

TEMPLATE_TEST_CASE("addresses work to their edges", "[listener]", stream, seqpacket) {
  const temporary_folder where;
  std::string longest = where.path() + '/';
  longest.resize(108, 'l');
  for (const address& here : {at(longest), at(longest.substr(0, 107)), address::abstract(std::string(107, 'a')).value(),
                              address::abstract({"scm\0test\0", 9}).value(), address::abstract("").value()}) {
    INFO(here.text().view());
    auto server = listener<TestType>::bind(here).value();
    CHECK(server.local_address().value() == here);
    auto client = TestType::connect(here).value();
    CHECK(client.peer_address().value() == here);
    REQUIRE(client.send("x"));
    CHECK(server.accept().value().receive(buffer, 0)->size == 1);
  }
  CHECK(fs::is_empty(where.path()));
  CHECK(TestType::connect(address::abstract({"scm\0test", 8}).value()).error() == std::errc::connection_refused);
}

TEST_CASE("binding to no name lets the kernel choose one", "[listener]") {
  auto server = listener<stream>::bind(address::autobind()).value();
  const address chosen = server.local_address().value();
  CHECK(chosen.kind() == address::form::abstract);
  CHECK(chosen.name().size() == 5);
  CHECK(stream::connect(chosen));
}

TEST_CASE("errors of connecting say what is the matter", "[listener]") {
  const temporary_folder where;
  CHECK(stream::connect(at(where / "missing")).error() == std::errc::no_such_file_or_directory);
  leave_stale_file(where / "stale");
  CHECK(stream::connect(at(where / "stale")).error() == std::errc::connection_refused);
  auto server = listener<seqpacket>::bind(at(where / "packets")).value();
  CHECK(stream::connect(at(where / "packets")).error() == std::errc::wrong_protocol_type);
}

TEST_CASE("a socket file is never wider than 0600, whatever the umask", "[listener]") {
  const temporary_folder where;
  const mode_t before = ::umask(0);
  std::atomic<bool> done = false;
  std::atomic<unsigned> widest = 0;
  std::thread watcher{[&] {
    while (!done) widest |= mode_of(where / "socket");
  }};
  for (int i = 0; i != 1000; ++i) {
    const auto server = listener<seqpacket>::bind(at(where / "socket"));
    if (!server || mode_of(where / "socket") != 0600) ++widest;
  }
  done = true;
  watcher.join();
  CHECK((widest & ~0600U) == 0);
  {
    const auto server = listener<seqpacket>::bind(at(where / "shared"), {.file = {.mode = 0666}}).value();
    CHECK(mode_of(where / "shared") == 0666);
    const auto receiver = datagram::bind(at(where / "datagrams"), {.mode = 0620}).value();
    CHECK(mode_of(where / "datagrams") == 0620);
  }
  ::umask(before);
}

TEST_CASE("the handle of a socket's file stays with the file that was bound", "[listener]") {
  const temporary_folder where;
  auto server = listener<seqpacket>::bind(at(where / "socket")).value();
  const auto receiver = datagram::bind(at(where / "datagrams")).value();
  const auto inode_of = [](borrowed_fd file) {
    struct stat status{};
    REQUIRE(::fstat(file.native_handle(), &status) == 0);
    return status.st_ino;
  };
  const auto named = [&](const char* name) {
    struct stat status{};
    REQUIRE(::lstat((where / name).c_str(), &status) == 0);
    return status.st_ino;
  };
  CHECK(inode_of(server.file().handle()) == named("socket"));
  CHECK(inode_of(receiver.file().handle()) == named("datagrams"));
  fs::rename(where / "socket", where / "moved");
  leave_stale_file(where / "socket");
  CHECK(inode_of(server.file().handle()) == named("moved"));
  server.keep_file();
  CHECK_FALSE(server.file().handle());
  CHECK_FALSE(listener<seqpacket>::bind(address::autobind()).value().file().handle());
}

TEST_CASE("an existing file is left alone unless replacing was asked for", "[listener]") {
  const temporary_folder where;
  const std::string path = where / "socket";
  leave_stale_file(path);
  CHECK(listener<stream>::bind(at(path)).error() == std::errc::address_in_use);
  CHECK(mode_of(path) == 0600);
  {
    auto server = listener<stream>::bind(at(path), {.file = {.replace_stale = true}});
    REQUIRE(server);
    CHECK(stream::connect(at(path)));
    CHECK(fs::exists(path + ".lock"));
  }
  CHECK(fs::is_empty(where.path()));
}

TEMPLATE_TEST_CASE("a living address is never taken", "[listener]", stream, seqpacket) {
  const temporary_folder where;
  const std::string path = where / "socket";
  auto server = listener<TestType>::bind(at(path)).value();
  const bind_options replace{.replace_stale = true};
  CHECK(listener<stream>::bind(at(path), {.file = replace}).error() == std::errc::address_in_use);
  CHECK(listener<seqpacket>::bind(at(path), {.file = replace}).error() == std::errc::address_in_use);
  CHECK(datagram::bind(at(path), replace).error() == std::errc::address_in_use);
  CHECK_FALSE(fs::exists(path + ".lock"));
  CHECK(TestType::connect(at(path)));
}

TEST_CASE("a full backlog is a sign of life", "[listener]") {
  const temporary_folder where;
  const std::string path = where / "socket";
  auto server = listener<stream>::bind(at(path), {.backlog = 0}).value();
  const auto waiting = stream::connect(at(path)).value();
  CHECK(listener<stream>::bind(at(path), {.file = {.replace_stale = true}}).error() == std::errc::address_in_use);
}

TEST_CASE("what is not a socket is never replaced", "[listener]") {
  const temporary_folder where;
  const std::string path = where / "file";
  const listen_options replace{.file = {.replace_stale = true}};
  std::ofstream{path} << "precious";
  CHECK(listener<stream>::bind(at(path), replace).error() == std::errc::address_in_use);
  CHECK(fs::file_size(path) == 8);
  fs::remove(path);
  fs::create_symlink(where / "elsewhere", path);
  CHECK(listener<stream>::bind(at(path), replace).error() == std::errc::address_in_use);
  CHECK(fs::is_symlink(path));
  CHECK_FALSE(fs::exists(where / "elsewhere"));
}

TEST_CASE("who holds the lock keeps the name", "[listener]") {
  const temporary_folder where;
  const std::string path = where / "socket";
  const listen_options replace{.file = {.replace_stale = true}};
  auto holder = listener<stream>::bind(at(path), replace).value();
  fs::remove(path);  // the name is free, the lock is not
  CHECK(listener<stream>::bind(at(path), replace).error() == std::errc::address_in_use);
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("a planted link at the lock's name is not followed", "[listener]") {
  const temporary_folder where;
  const std::string path = where / "socket";
  fs::create_symlink(where / "victim", path + ".lock");
  CHECK_FALSE(listener<stream>::bind(at(path), {.file = {.replace_stale = true}}));
  CHECK_FALSE(fs::exists(where / "victim"));
}

TEST_CASE("of many servers that replace the same stale file at once, one wins", "[listener]") {
  const temporary_folder where;
  const std::string path = where / "socket";
  for (int round = 0; round != 20; ++round) {
    leave_stale_file(path);
    std::atomic<int> winners = 0;
    std::atomic<int> others = 0;
    std::vector<std::thread> rivals;
    std::atomic<bool> go = false;
    std::atomic<int> finished = 0;
    for (int i = 0; i != 4; ++i) {
      rivals.emplace_back([&] {
        while (!go) std::this_thread::yield();
        auto server = listener<stream>::bind(at(path), {.file = {.replace_stale = true}});
        if (server) ++winners;
        if (!server && server.error() == std::errc::address_in_use) ++others;
        ++finished;
        while (finished != 4) std::this_thread::yield();  // nobody lets go before all have tried
      });
    }
    go = true;
    for (auto& one : rivals) one.join();
    CHECK(winners == 1);
    CHECK(others == 3);
    CHECK(fs::is_empty(where.path()));
  }
}

TEST_CASE("a listener removes its file only while it is its own", "[listener]") {
  const temporary_folder where;
  const std::string path = where / "socket";
  {
    auto first = listener<stream>::bind(at(path)).value();
    fs::remove(path);
    const auto second = listener<stream>::bind(at(path)).value();
    {
      const auto gone = std::move(first);
    }
    CHECK(stream::connect(at(path)));
  }
  CHECK(fs::is_empty(where.path()));
}

TEST_CASE("items of the listener hold for each connection from its first byte on", "[listener]") {
  auto server =
      listener<stream>::bind(address::autobind(), {.channel = {.items = {receive_item::credentials}}}).value();
  const address here = server.local_address().value();
  auto client = stream::connect(here).value();
  REQUIRE(client.send("early"));
  auto accepted = server.accept().value();
  CHECK(accepted.receive(buffer, 0)->sender == credentials::own());
  CHECK(listener<stream>::bind(address::autobind(), {.channel = {.items = {receive_item::timestamp}}}).error() ==
        errc::unsupported);
}

TEMPLATE_TEST_CASE("connections have every item of their listener, made here or adopted", "[listener]", stream,
                   seqpacket) {
  receive_items items{receive_item::credentials};
  auto probe = TestType::pair().value().first;
  for (const receive_item item : {receive_item::pidfd, receive_item::timestamp, receive_item::queued_bytes}) {
    if (probe.set(item, true)) items.insert(item);
  }
  auto made = listener<TestType>::bind(address::autobind(), {.channel = {.items = items}}).value();
  auto adopted = listener<TestType>::adopt(duplicate(made.fd()).value()).value();
  for (auto* const server : {&made, &adopted}) {
    auto client = TestType::connect(made.local_address().value()).value();
    auto accepted = server->accept().value();
    const owned_fd file = test::scratch_file();
    REQUIRE(client.send("x", {file}));
    const auto got = accepted.receive(buffer, 1);
    REQUIRE(got);
    CHECK(got->sender == credentials::own());
    CHECK(static_cast<bool>(got->sender_pidfd) == items.contains(receive_item::pidfd));
    CHECK(got->queued_at.has_value() == items.contains(receive_item::timestamp));
    CHECK(got->queued_bytes.has_value() == (items.contains(receive_item::queued_bytes) && server == &made));
  }
}

TEST_CASE("a bound datagram channel and a client have their items before the first message", "[listener]") {
  const channel_options named{.items = {receive_item::credentials}};
  auto receiver = datagram::bind(address::autobind(), {}, named).value();
  auto sender = datagram::open().value();
  REQUIRE(sender.send_to(receiver.local_address().value(), "x"));
  CHECK(receiver.receive(buffer, 0)->sender == credentials::own());

  auto server = listener<stream>::bind(address::autobind()).value();
  auto client = stream::connect(server.local_address().value(), no_deadline, named).value();
  auto accepted = server.accept().value();
  REQUIRE(accepted.send("x"));  // the server speaks first
  CHECK(client.receive(buffer, 0)->sender == credentials::own());
}

TEST_CASE("a child that was forked does not remove its parent's socket file and lock", "[listener]") {
  const temporary_folder where;
  const std::string path = where / "socket";
  auto server = listener<stream>::bind(at(path), {.file = {.replace_stale = true}}).value();
  test::child fork{[&server] {
    {
      const auto gone = std::move(server);
    }
    return true;
  }};
  CHECK(fork.succeeded());
  CHECK(fs::exists(path));
  CHECK(fs::exists(path + ".lock"));
  CHECK(listener<stream>::bind(at(path), {.file = {.replace_stale = true}}).error() == std::errc::address_in_use);
}

TEST_CASE("a socket file is told from another that took its place and its inode", "[listener]") {
  const temporary_folder where;
  const std::string path = where / "socket";
  auto first = listener<stream>::bind(at(path)).value();
  for (int i = 0; i != 20; ++i) {
    fs::remove(path);
    auto other = listener<stream>::bind(at(path)).value();
    first = std::move(other);  // removes the first one's file, if it is there
    CHECK(fs::exists(path));
    CHECK(stream::connect(at(path)));
  }
}

TEST_CASE("a listener that is moved to itself keeps its file and its lock", "[listener]") {
  const temporary_folder where;
  const std::string path = where / "socket";
  auto server = listener<stream>::bind(at(path), {.file = {.replace_stale = true}}).value();
  auto& itself = server;
  server = std::move(itself);
  CHECK(stream::connect(at(path)));
  CHECK(fs::exists(path + ".lock"));
}

TEST_CASE("a file that was kept has no lock beside it", "[listener]") {
  const temporary_folder where;
  const std::string path = where / "socket";
  auto server = listener<stream>::bind(at(path), {.file = {.replace_stale = true}}).value();
  server.keep_file();
  CHECK_FALSE(fs::exists(path + ".lock"));
  CHECK(fs::exists(path));
  CHECK(listener<stream>::bind(at(path), {.file = {.replace_stale = true}}).error() == std::errc::address_in_use);
}

TEST_CASE("a lock file that another took the place of is left alone", "[listener]") {
  const temporary_folder where;
  const std::string path = where / "socket";
  {
    auto server = listener<stream>::bind(at(path), {.file = {.replace_stale = true}}).value();
    fs::remove(path + ".lock");
    std::ofstream{path + ".lock"} << "another's";
  }
  CHECK(fs::exists(path + ".lock"));
}

TEST_CASE("a bound datagram channel removes its file", "[listener]") {
  const temporary_folder where;
  {
    auto receiver = datagram::bind(at(where / "socket")).value();
    auto moved = std::move(receiver);
    auto sender = datagram::open().value();
    REQUIRE(sender.send_to(at(where / "socket"), "x"));
    CHECK(moved.receive(buffer, 0)->size == 1);
    moved = datagram::bind(at(where / "other")).value();
    CHECK_FALSE(fs::exists(where / "socket"));
  }
  CHECK(fs::is_empty(where.path()));
}

TEST_CASE("at a full descriptor table accept fails and the connection waits", "[listener][no-valgrind]") {
  auto server = listener<seqpacket>::bind(address::autobind()).value();
  auto client = seqpacket::connect(server.local_address().value()).value();
  {
    const test::descriptor_limit full{test::descriptor_limit::leaving_free(0)};
    CHECK(server.accept().error() == std::errc::too_many_files_open);
  }
  CHECK(server.accept());
}
