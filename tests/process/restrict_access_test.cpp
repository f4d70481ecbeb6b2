// What Landlock leaves of what a process can reach is what was allowed, and what it denies is what is reported.
#include "process/confined.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel/listener.hpp>
#include <scm/channel/stream.hpp>
#include <scm/process/allowed_access.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <string>

using namespace scm;
using namespace scm::test;

namespace {

// What landlock(7) says of a version.
denied_access all_of(int version) {
  denied_access all{.version = version, .tcp = version >= 4, .abstract_sockets = version >= 6, .signals = version >= 6};
  if (version >= 1)
    all.files = every_file_right - file_rights{file_right::move, file_right::truncate, file_right::device_ioctl};
  if (version >= 2) all.files.insert(file_right::move);
  if (version >= 3) all.files.insert(file_right::truncate);
  if (version >= 5) all.files.insert(file_right::device_ioctl);
  return all;
}

int error_of(int done) { return done == 0 ? 0 : errno; }

int error_of_binding_tcp() {
  const owned_fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in any{};
  any.sin_family = AF_INET;
  return error_of(::bind(socket.native_handle(), reinterpret_cast<const sockaddr*>(&any), sizeof any));
}

// A file with some text in it.
void make_file(const std::string& path) {
  const owned_fd made = open_to(path, O_WRONLY | O_CREAT);
  REQUIRE(::write(made.native_handle(), "text", 4) == 4);
}

}  // namespace

TEST_CASE("what the kernel is said to deny is what it denies", "[confine]") {
  const temporary_folder where;
  make_file(where / "file");
  const int version = landlock_version();
  const auto server = listener<stream>::bind(address::autobind()).value();
  const address at = server.local_address().value();
  lone_child apart{[&] {
    const auto denied = restrict_access({});
    HOLDS(denied && *denied == all_of(version));
    HOLDS((error_of_opening("/etc/passwd") == EACCES) == denied->files.contains(file_right::read));
    HOLDS((error_of_opening("/etc", O_RDONLY | O_DIRECTORY) == EACCES) == denied->files.contains(file_right::list));
    HOLDS((error_of(::truncate((where / "file").c_str(), 0)) == EACCES) ==
          denied->files.contains(file_right::truncate));
    HOLDS((error_of_binding_tcp() == EACCES) == denied->tcp);
    HOLDS((error_of(::kill(::getppid(), 0)) == EPERM) == denied->signals);
    HOLDS((stream::connect(at).has_value()) != denied->abstract_sockets);
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("what is allowed goes on, and is not reported as denied", "[confine]") {
  const auto server = listener<stream>::bind(address::autobind()).value();
  const address at = server.local_address().value();
  lone_child apart{[&] {
    const auto denied = restrict_access({.unrestricted = every_file_right - file_rights{file_right::write},
                                         .tcp = true,
                                         .abstract_sockets = true,
                                         .signals = true});
    HOLDS(denied);
    HOLDS(!denied->tcp && !denied->abstract_sockets && !denied->signals);
    HOLDS(error_of_opening("/etc/passwd") == 0);
    HOLDS(error_of_binding_tcp() == 0);
    HOLDS(::kill(::getppid(), 0) == 0);
    HOLDS(stream::connect(at));
    if (landlock_version() != 0) {
      HOLDS(denied->files == file_rights{file_right::write});
      HOLDS(error_of_opening("/dev/null", O_WRONLY) == EACCES);
    }
    const auto nothing =
        restrict_access({.unrestricted = every_file_right, .tcp = true, .abstract_sockets = true, .signals = true});
    HOLDS(nothing && nothing->files.empty());
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("a rule allows what it says, beneath its directory and nowhere else", "[confine]") {
  if (landlock_version() == 0) SCM_SKIP("no Landlock");
  const temporary_folder read, changed, other;
  for (const auto* one : {&read, &changed, &other}) make_file(*one / "file");
  ::mkdir((read / "inside").c_str(), 0700);
  make_file(read / "inside/file");
  lone_child apart{[&] {
    const owned_fd to_read = open_to(read / ".", O_PATH), to_change = open_to(changed / ".", O_RDONLY | O_DIRECTORY);
    HOLDS(restrict_access({.files = {{to_read, may_read}, {to_change, may_change}}}));
    HOLDS(error_of_opening(read / "file") == 0);
    HOLDS(error_of_opening(read / "inside/file") == 0);
    HOLDS(error_of_opening(read / "inside", O_RDONLY | O_DIRECTORY) == 0);
    HOLDS(error_of_opening(read / "file", O_WRONLY) == EACCES);
    HOLDS(error_of_opening(read / "new", O_WRONLY | O_CREAT) == EACCES);
    HOLDS(error_of(::unlink((read / "file").c_str())) == EACCES);

    HOLDS(error_of_opening(changed / "file", O_RDWR | O_TRUNC) == 0);
    HOLDS(error_of_opening(changed / "new", O_WRONLY | O_CREAT) == 0);
    HOLDS(::rename((changed / "new").c_str(), (changed / "renamed").c_str()) == 0);
    HOLDS(::unlink((changed / "renamed").c_str()) == 0);
    HOLDS(::mkdir((changed / "made").c_str(), 0700) == 0);
    HOLDS(::rename((changed / "file").c_str(), (changed / "made/file").c_str()) == 0 || landlock_version() == 1);
    HOLDS(::mknod((changed / "device").c_str(), S_IFCHR | 0600, 0x103) != 0);

    HOLDS(error_of_opening(other / "file") == EACCES);
    HOLDS(error_of_opening(read / "..", O_RDONLY | O_DIRECTORY) == EACCES);
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("a rule for a file is about that file, and rights of directories mean nothing for it", "[confine]") {
  if (landlock_version() == 0) SCM_SKIP("no Landlock");
  const temporary_folder where;
  make_file(where / "this");
  make_file(where / "that");
  lone_child apart{[&] {
    const owned_fd file = open_to(where / "this", O_PATH);
    HOLDS(restrict_access({.files = {{file, may_read}, {file, {file_right::make_file}}, {file, {}}}}));
    HOLDS(error_of_opening(where / "this") == 0);
    HOLDS(error_of_opening(where / "this", O_WRONLY) == EACCES);
    HOLDS(error_of_opening(where / "that") == EACCES);
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("a further restriction takes away and never gives, and there is an end to them", "[confine]") {
  if (landlock_version() == 0) SCM_SKIP("no Landlock");
  lone_child apart{[] {
    const owned_fd root = open_to("/", O_PATH);
    HOLDS(restrict_access({.files = {{root, may_read}}}));
    HOLDS(error_of_opening("/etc/passwd") == 0);
    HOLDS(restrict_access({}));
    HOLDS(error_of_opening("/etc/passwd") == EACCES);
    HOLDS(restrict_access({.files = {{root, every_file_right}}}));
    HOLDS(error_of_opening("/etc/passwd") == EACCES);
    for (int i = 0; i != 13; ++i) HOLDS(restrict_access({}));
    const auto one_more = restrict_access({});
    HOLDS(!one_more && one_more.error().code == std::errc::argument_list_too_long);
    HOLDS(one_more.error().step == confine_step::access);
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("children are held to it as well", "[confine]") {
  if (landlock_version() == 0) SCM_SKIP("no Landlock");
  lone_child apart{[] {
    HOLDS(restrict_access({}));
    lone_child below{[] { return error_of_opening("/etc/passwd") == EACCES; }};
    HOLDS(below.succeeded());
    return true;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("who insists gets all of it, or nothing and an error", "[confine]") {
  const bool all = landlock_version() >= 6;
  lone_child apart{[&] {
    const auto denied = restrict_access({.insist = true});
    if (all) return denied && *denied == all_of(landlock_version());
    HOLDS(!denied && denied.error().code == errc::unsupported && denied.error().step == confine_step::ruleset);
    return error_of_opening("/etc/passwd") == 0;
  }};
  CHECK(apart.succeeded());
}
