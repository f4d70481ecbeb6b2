// What a started program has: the descriptors that were named and no others, and the rest as it was asked for.
#include "process/shown.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <thread>

using namespace scm;
using test::shown_by;
using test::some_file;

namespace {

std::map<int, std::string> expected(const std::vector<named_fd>& named) {
  std::map<int, std::string> files;
  for (std::size_t i = 0; i != named.size(); ++i) files[3 + static_cast<int>(i)] = test::identity_of(named[i].fd);
  return files;
}

// A descriptor moved to a number of one's choice.
owned_fd at_number(int number, const char* name) {
  const owned_fd made = some_file(name);
  return owned_fd{::fcntl(made.native_handle(), F_DUPFD_CLOEXEC, number)};
}

}  // namespace

TEST_CASE("a program has the descriptors that were named, in their order, and nothing else", "[spawn]") {
  const owned_fd disk = some_file(), channel = some_file(), unnamed = some_file();
  const owned_fd inheritable{::dup(unnamed.native_handle())};
  const std::vector<named_fd> named{{"disk", disk}, {"channel", channel}};
  const auto seen = shown_by({.descriptors = named});
  CHECK(seen.how.succeeded());
  CHECK(seen.passed() == expected(named));
  CHECK(seen.has_variable("LISTEN_FDS=2"));
  CHECK(seen.has_variable("LISTEN_FDNAMES=disk:channel"));
  CHECK(seen.has_variable("LISTEN_PID=" + seen.facts.at("process")));
  CHECK(std::ranges::count_if(seen.variables, [](const auto& v) { return v.starts_with("LISTEN_"); }) == 3);
  CHECK_FALSE(test::has_children());
}

TEST_CASE("a program for which nothing is named has the standard streams alone, and is told of no others", "[spawn]") {
  const owned_fd inheritable{::dup(1)};
  ::setenv("LISTEN_FDS", "1", 1);
  ::setenv("LISTEN_PIDFDID", "77", 1);
  const auto seen = shown_by({});
  ::unsetenv("LISTEN_FDS");
  ::unsetenv("LISTEN_PIDFDID");
  CHECK(seen.passed().empty());
  CHECK(seen.files.size() == 3);
  CHECK_FALSE(seen.says_of("LISTEN_FDS"));
  CHECK_FALSE(seen.says_of("LISTEN_PID"));
  CHECK_FALSE(seen.says_of("LISTEN_PIDFDID"));
}

TEST_CASE("a program may keep what could be inherited anyway, at its numbers, and nothing that was made on the way",
          "[spawn]") {
  const owned_fd named = some_file(), hidden = some_file(), shown = some_file();
  const owned_fd inheritable{::fcntl(shown.native_handle(), F_DUPFD, 77)};
  const owned_fd in_the_way{::fcntl(named.native_handle(), F_DUPFD_CLOEXEC, 0)};
  const auto seen =
      shown_by({.input = standard_stream::null(), .descriptors = {{"named", in_the_way}}, .keep_inheritable = true});
  CHECK(seen.files.at(inheritable.native_handle()) == test::identity_of(inheritable));
  CHECK(seen.files.at(3) == test::identity_of(named));
  CHECK_FALSE(seen.files.contains(hidden.native_handle() == 3 ? -1 : hidden.native_handle()));
  std::size_t inherited_here = 0;
  for (int number = 4; number != 1024; ++number) {
    const int flags = ::fcntl(number, F_GETFD);
    inherited_here += flags >= 0 && (flags & FD_CLOEXEC) == 0 ? 1U : 0U;
  }
  CHECK(seen.files.size() == 4 + inherited_here);
}

TEST_CASE("no descriptor is lost where they stand in each other's places, whatever the permutation", "[spawn]") {
  // In a process of its own, in which 3 to 7 are free to be chosen.
  test::child apart{[] {
    ::close_range(3, ~0U, 0);
    std::vector<owned_fd> files;
    for (int number = 3; number != 7; ++number) files.push_back(at_number(number, "permuted"));
    std::vector<std::size_t> order{0, 1, 2, 3};
    int wrong = 0, permutations = 0;
    do {
      for (std::size_t count = 1; count <= order.size(); ++count) {
        std::vector<named_fd> named;
        for (std::size_t i = 0; i != count; ++i) named.push_back({"x", files[order[i]]});
        wrong += shown_by({.descriptors = named}).passed() != expected(named);
      }
      ++permutations;
    } while (std::ranges::next_permutation(order).found);
    return wrong == 0 && permutations == 24;
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("a descriptor may be named more than once, and may be a standard stream", "[spawn]") {
  const owned_fd file = some_file();
  const std::vector<named_fd> named{{"x", file}, {"error", borrowed_fd{2}}, {"x", file}, {"input", borrowed_fd{0}}};
  CHECK(shown_by({.descriptors = named}).passed() == expected(named));
}

TEST_CASE("as many descriptors as are allowed arrive", "[spawn]") {
  const owned_fd file = some_file();
  const std::vector<named_fd> named(limits::inherited_descriptors, {"a name of some length, as names go", file});
  const auto seen = shown_by({.descriptors = named});
  CHECK(seen.passed() == expected(named));
}

TEST_CASE("the standard streams are inherited, given or null", "[spawn]") {
  const owned_fd input = some_file(), error = some_file();
  const auto given = shown_by({.input = input, .error = error});
  CHECK(given.files.at(0) == test::identity_of(input));
  CHECK(given.files.at(2) == test::identity_of(error));
  const auto inherited = shown_by({});
  CHECK(inherited.files.at(0) == test::identity_of(borrowed_fd{0}));
  CHECK(inherited.files.at(2) == test::identity_of(borrowed_fd{2}));
  const auto null = shown_by({.input = standard_stream::null(), .error = standard_stream::null()});
  CHECK(null.files.at(0) == test::identity_of_null());
  CHECK(null.files.at(2) == test::identity_of_null());
  // Each in the other's place.
  const auto swapped = shown_by({.input = borrowed_fd{2}, .error = borrowed_fd{0}});
  CHECK(swapped.files.at(0) == test::identity_of(borrowed_fd{2}));
  CHECK(swapped.files.at(2) == test::identity_of(borrowed_fd{0}));
}

TEST_CASE("a standard stream that is closed, or not meant to be inherited, is null: nothing else gets its number",
          "[spawn]") {
  test::child apart{[] {
    ::close_range(3, ~0U, 0);
    ::close(0);
    ::fcntl(2, F_SETFD, FD_CLOEXEC);
    const owned_fd first = some_file();  // at 0: it is close-on-exec, so it must not become the program's input
    const owned_fd file = some_file();
    const std::vector<named_fd> named{{"first", first}, {"file", file}};
    const auto seen = shown_by({.descriptors = named});
    const std::string null = test::identity_of_null();
    return first.native_handle() == 0 && seen.files.at(0) == null && seen.files.at(2) == null &&
           seen.passed() == expected(named);
  }};
  CHECK(apart.succeeded());
  test::child without_any{[] {
    ::close_range(0, ~0U, 0);
    const int keep_off[] = {::open("/dev/zero", O_RDONLY), ::open("/dev/zero", O_RDONLY)};
    const owned_fd file = some_file();  // at 2
    ::close(keep_off[0]);
    ::close(keep_off[1]);
    const std::vector<named_fd> named{{"file", file}};
    const auto seen = shown_by({.descriptors = named});
    return seen.files.at(0) == test::identity_of_null() && seen.files.at(2) == test::identity_of_null() &&
           seen.passed() == expected(named);
  }};
  CHECK(without_any.succeeded());
}

TEST_CASE("a full descriptor table is no obstacle as long as nothing must be moved out of the way", "[spawn]") {
  test::child apart{[] {
    ::close_range(3, ~0U, 0);
    const owned_fd output = some_file();
    std::vector<owned_fd> files;
    for (int i = 0; i != 3; ++i) files.push_back(at_number(20 + i, "high"));
    const int pidfd_room = 1;
    const test::descriptor_limit few{static_cast<rlim_t>(test::descriptor_limit::leaving_free(pidfd_room))};
    (void)few;
    auto started = spawn({.program = SHOW_PROGRAM, .output = output});
    if (!started) return false;
    return started->wait().value().succeeded();
  }};
  CHECK(apart.succeeded());
}

TEST_CASE("arguments and environment are what was asked for", "[spawn]") {
  const auto seen =
      shown_by({.arguments = {"one", "", "two words"},
                .environment = std::vector<std::string>{"A=b", "EMPTY=", "LISTEN_FDS=9", "LISTEN_PID=1"}});
  CHECK(seen.arguments == std::vector<std::string>{SHOW_PROGRAM, "one", "", "two words"});
  CHECK(seen.variables == std::vector<std::string>{"A=b", "EMPTY="});
  CHECK(shown_by({.argument_zero = "zero"}).arguments == std::vector<std::string>{"zero"});
  ::setenv("SCM_TEST_OF_SPAWN", "here", 1);
  const auto inheriting = shown_by({});
  ::unsetenv("SCM_TEST_OF_SPAWN");
  CHECK(inheriting.has_variable("SCM_TEST_OF_SPAWN=here"));
}

TEST_CASE("a program starts in the folder of a path, of a descriptor, or of a path from a descriptor on", "[spawn]") {
  const test::temporary_folder where;
  const std::string path{where.path()};
  REQUIRE(::mkdir((where / "inner").c_str(), 0700) == 0);
  const owned_fd opened{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  CHECK(shown_by({.directory = path}).facts.at("folder") == path);
  CHECK(shown_by({.directory_fd = opened}).facts.at("folder") == path);
  CHECK(shown_by({.directory_fd = opened, .directory = "inner"}).facts.at("folder") == path + "/inner");
}

TEST_CASE("signals have their default actions, ignored ones too, and none is blocked; here they are as they were",
          "[spawn]") {
  struct sigaction ignore{}, handle{}, before_pipe{}, before_user{}, after{};
  ignore.sa_handler = SIG_IGN;
  handle.sa_handler = [](int) {};
  ::sigaction(SIGPIPE, &ignore, &before_pipe);
  ::sigaction(SIGUSR1, &handle, &before_user);
  sigset_t some, before, now;
  ::sigemptyset(&some);
  ::sigaddset(&some, SIGTERM);
  ::sigaddset(&some, SIGUSR2);
  ::pthread_sigmask(SIG_SETMASK, &some, &before);
  const auto seen = shown_by({});
  ::pthread_sigmask(SIG_SETMASK, &before, &now);
  CHECK(::sigismember(&now, SIGTERM) == 1);
  CHECK(::sigismember(&now, SIGUSR2) == 1);
  CHECK(::sigismember(&now, SIGUSR1) == 0);
  ::sigaction(SIGPIPE, &before_pipe, &after);
  CHECK(after.sa_handler == SIG_IGN);
  ::sigaction(SIGUSR1, &before_user, &after);
  CHECK(after.sa_handler == handle.sa_handler);
  CHECK(seen.facts.at("SigBlk") == "0000000000000000");
  CHECK(seen.facts.at("SigIgn") == "0000000000000000");
  CHECK(seen.facts.at("SigCgt") == "0000000000000000");
}

TEST_CASE("resource limits are set, above this process's own descriptors too", "[spawn]") {
  const owned_fd file = some_file();
  const auto seen = shown_by({.descriptors = {{"file", file}}, .limits = {{RLIMIT_NOFILE, 100, 200}}});
  CHECK(seen.facts.at("files") == "100 200");
  CHECK(seen.passed().size() == 1);
}

TEST_CASE("a program gets no new privileges when that is asked for, and dies with its parent", "[spawn]") {
  const auto seen = shown_by({.no_new_privileges = true, .parent_death_signal = SIGTERM});
  CHECK(seen.facts.at("NoNewPrivs") == "1");
  CHECK(seen.facts.at("death") == std::to_string(SIGTERM));
  CHECK(shown_by({}).facts.at("NoNewPrivs") == "0");
}

TEST_CASE("a program runs as somebody else with all three of user, group and groups", "[spawn]") {
  if (::geteuid() != 0) SCM_SKIP("needs root");
  const std::vector<gid_t> groups{1002, 1003};
  const auto seen =
      shown_by({.as = run_as{.user = 1000, .group = 1001, .groups = groups}, .parent_death_signal = SIGTERM});
  CHECK(seen.facts.at("Uid") == "1000\t1000\t1000\t1000");
  CHECK(seen.facts.at("Gid") == "1001\t1001\t1001\t1001");
  CHECK(seen.facts.at("Groups").starts_with("1002 1003"));
  CHECK(seen.facts.at("CapEff") == "0000000000000000");
  CHECK(seen.facts.at("death") == std::to_string(SIGTERM));  // which the change of user had taken back
  CHECK(::geteuid() == 0);
  CHECK(::prctl(PR_GET_DUMPABLE) == 1);  // which the change of user takes from the memory that both had
  uid_t user = 1;
  std::thread{[&] { user = ::geteuid(); }}.join();  // a thread is made with the user of the one that makes it
  CHECK(user == 0);
}

TEST_CASE("a program dies with the process that started it", "[spawn]") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  owned_fd reading{ends[0]}, writing{ends[1]};
  test::child parent{[&] {
    auto started = spawn({.program = SHOW_PROGRAM,
                          .arguments = {"wait"},
                          .input = reading,  // its own end of the pipe is open as long as ours is: no end of file
                          .descriptors = {{"alive", writing}},
                          .parent_death_signal = SIGKILL});
    if (!started) return false;
    (void)started->detach();
    return true;
  }};
  CHECK(parent.succeeded());
  writing.reset();
  char byte = 0;
  CHECK(::read(reading.native_handle(), &byte, 1) == 0);  // when the last holder of the other end is gone
}
