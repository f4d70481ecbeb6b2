// Notifications: what a program says reaches its manager with its sender and descriptors, and a barrier is one.
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/temporary_folder.hpp"
#include "support/witness.hpp"

#include <scm/process/notify.hpp>

#include <sys/socket.h>

#include <cstdlib>
#include <string>
#include <thread>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

// A notifier as a program finds it in its environment.
result<notifier> told_of(const std::string& name) {
  ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  auto made = notifier::from_environment();
  CHECK(std::getenv("NOTIFY_SOCKET") == nullptr);
  return made;
}

}  // namespace

TEST_CASE("what a program says reaches its manager with the kernel's word for who it is") {
  const temporary_folder folder;
  auto manager = notify_socket::bind(address::path(folder / "notify").value()).value();
  auto program = told_of(folder / "notify").value();
  CHECK(program);
  REQUIRE(program.send("STATUS=getting there\nX_A=1=2\nREADY=1\n"));
  const auto got = manager.receive(in(5s)).value();
  CHECK(got.value("READY") == "1");
  CHECK(got.value("STATUS") == "getting there");
  CHECK(got.value("X_A") == "1=2");
  CHECK_FALSE(got.value("X"));
  CHECK_FALSE(got.value("EADY"));
  CHECK_FALSE(got.value("1"));
  CHECK(got.sender.pid == ::getpid());
  CHECK(got.sender.uid == ::getuid());
  if (got.sender_pidfd) CHECK(described(got.sender_pidfd).process == ::getpid());
  CHECK(got.descriptors.empty());
  CHECK(manager.receive(dont_wait).error() == std::errc::resource_unavailable_try_again);
}

TEST_CASE("descriptors to keep come with their name, and stay open here") {
  auto manager = notify_socket::bind(address::autobind()).value();
  auto program = notifier::to(manager.local_address().value()).value();
  const owned_fd one = scratch_file();
  const owned_fd other = scratch_file();
  REQUIRE(program.store("listeners", {one, other}));
  const auto got = manager.receive(in(5s)).value();
  CHECK(got.value("FDSTORE") == "1");
  CHECK(got.value("FDNAME") == "listeners");
  REQUIRE(got.descriptors.size() == 2);
  CHECK(inode_of(got.descriptors[0]) == inode_of(one));
  CHECK(inode_of(got.descriptors[1]) == inode_of(other));
  for (const std::string& name :
       {std::string{}, std::string{"a:b"}, std::string{"a\nREADY=1"}, std::string(256, 'x')}) {
    CHECK(program.store(name, {one}).error() == std::errc::invalid_argument);
  }
  CHECK(program.store(std::string(255, 'x'), {one}));
}

TEST_CASE("a barrier waits until the manager has read what came before, and no longer than its deadline") {
  auto manager = notify_socket::bind(address::autobind()).value();
  auto program = notifier::to(manager.local_address().value()).value();
  CHECK(program.barrier(in(20ms)).error() == std::errc::timed_out);
  std::jthread reading{[&] {
    for (int i = 0; i != 3; ++i) {
      if (!manager.receive(in(5s))) return;
    }
  }};
  REQUIRE(program.ready());
  CHECK(program.barrier(in(5s)));
}

TEST_CASE("a program that nobody listens to goes on") {
  ::unsetenv("NOTIFY_SOCKET");
  auto program = notifier::from_environment().value();
  CHECK_FALSE(program);
  const owned_fd file = scratch_file();
  CHECK(program.ready());
  CHECK(program.store("kept", {file}));
  CHECK(program.barrier(in(1s)));
}

TEST_CASE("a name that is no address of a manager is an error") {
  for (const char* const name : {"", "relative", "./@x", "unix:/x"}) {
    INFO(name);
    CHECK(told_of(name).error() == errc::bad_address);
  }
  CHECK(told_of('/' + std::string(108, 'x')).error() == errc::bad_address);
  CHECK(told_of("vsock:2:1").error() == errc::unsupported);
  const temporary_folder folder;
  auto gone = told_of(folder / "nobody").value();
  CHECK(gone.ready().error() == std::errc::no_such_file_or_directory);
  CHECK(gone.send("").error() == errc::empty_message);
}

TEST_CASE("a message that does not fit costs itself, and the next is received") {
  auto manager = notify_socket::bind(address::autobind()).value();
  auto program = notifier::to(manager.local_address().value()).value();
  witness given;
  {
    const owned_fd end = given.give();
    REQUIRE(program.send(std::string(notify_socket::most_bytes + 1, 'x'), end.get()));
  }
  REQUIRE(program.ready());
  CHECK(manager.receive(in(5s)).error() == errc::payload_cut);
  CHECK(given.closed());
  CHECK(manager.receive(in(5s)).value().value("READY") == "1");
}
