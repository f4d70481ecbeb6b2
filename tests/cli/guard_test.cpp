// `scm guard`: programs that know nothing of it, one that wants to get around it, and what is written down.
#include "cli/running_program.hpp"
#include "support/catch.hpp"
#include "support/sanitized.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

using namespace scm;
using namespace scm::test;
using nlohmann::json;

namespace {

// The guard cannot be looked through for leaks when it ends: that takes ptrace(2).
struct ends_unsearched {
  ends_unsearched() {
    if (SCM_SANITIZED) ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  }
};

std::string content(const std::string& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

std::vector<json> records(const std::string& path) {
  std::istringstream lines{content(path)};
  std::vector<json> all;
  for (std::string line; std::getline(lines, line);) all.push_back(json::parse(line));
  return all;
}

class guarded {
 public:
  explicit guarded(std::string_view rules, std::string_view otherwise = "deny=EPERM") {
    std::ofstream{folder_ / "policy"} << "policy 1\ndefault " << otherwise << '\n' << rules << '\n';
  }

  [[nodiscard]] std::vector<std::string> words(std::vector<std::string> command,
                                               const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all{"guard", "--policy", folder_ / "policy", "--log", log(), "--json"};
    all.insert(all.end(), more.begin(), more.end());
    all.push_back("--");
    all.insert(all.end(), command.begin(), command.end());
    return scm_words(std::move(all));
  }
  ended run(std::vector<std::string> command, const std::vector<std::string>& more = {}) const {
    return running_program{words(std::move(command), more)}.wait();
  }
  // The exchanger's lines.
  std::string exchange(std::vector<std::string> steps, const std::string& program = EXCHANGE_PROGRAM) const {
    steps.insert(steps.begin(), program);
    const auto finished = run(std::move(steps));
    INFO(finished.err);
    CHECK(finished.status == 0);
    return finished.out;
  }

  [[nodiscard]] std::string log() const { return folder_ / "log"; }
  [[nodiscard]] std::vector<json> logged() const { return records(log()); }
  [[nodiscard]] const temporary_folder& folder() const { return folder_; }

 private:
  ends_unsearched unsearched_;
  temporary_folder folder_;
};

ended check(const std::string& text, std::vector<std::string> more = {}) {
  const temporary_folder folder;
  std::ofstream{folder / "p"} << text;
  more.insert(more.begin(), {"guard", "--policy", folder / "p", "--check"});
  return run_scm(std::move(more));
}

}  // namespace

TEST_CASE("a policy is checked without a program, and a mistake pointed at") {
  const auto good = check("policy 1 # mine\ndefault deny\n\nkill  any fds=access=rw\n");
  CHECK(good.status == 0);
  CHECK(good.out == "policy 1\ndefault deny\nkill any fds=any,access=rw\n");
  const auto bad = check("policy 1\ndefault deny\n\tallow any fds=memfd,seals=shrink+wrote\n");
  CHECK(bad.status == 1);
  CHECK(contains(bad.err, "/p:3:35: not a seal: "));
  CHECK(contains(bad.err, "\n   allow any fds=memfd,seals=shrink+wrote\n" + std::string(36, ' ') + "^\n"));
  // What stands there is somebody else's: no control characters reach the terminal, and the caret is where it was.
  const auto hostile = check("policy 1\ndefault deny\nallow any \xff\x1b[m\n");
  CHECK(contains(hostile.err, "\n  allow any \\xff\\x1b[m\n            ^\n"));
  const auto record = json::parse(check("policy 1\ndefault maybe\n", {"--json"}).out);
  CHECK((record["valid"] == false && record["line"] == 2 && record["column"] == 9));
  CHECK(json::parse(check("policy 1\ndefault deny\n", {"--json"}).out)["valid"] == true);
  CHECK(check(std::string(70000, '#')).status == 1);
  CHECK(run_scm({"guard", "--policy", "/nowhere/p", "--check"}).status == 1);
}

TEST_CASE("a guard that is used wrongly says so, and runs nothing") {
  CHECK(run_scm({"guard", "--", "true"}).status == 2);
  CHECK(run_scm({"guard", "--policy", "/dev/null", "true"}).status == 2);
  CHECK(run_scm({"guard", "--policy", "/dev/null"}).status == 2);
  CHECK(run_scm({"guard", "--policy", "/dev/null", "--check", "--", "true"}).status == 2);
  CHECK(run_scm({"guard", "--policy", "/dev/null", "--unlogged", "maybe", "--", "true"}).status == 2);
  // An empty policy is none.
  const auto empty = run_scm({"guard", "--policy", "/dev/null", "--", "sh", "-c", "echo ran"});
  CHECK((empty.status == 1 && empty.out.empty()));
}

#if SCM_WITH_SECCOMP

TEST_CASE("each action of a policy is what the program sees of its messages") {
  SECTION("allow") {
    const guarded with{"allow any"};
    CHECK(with.exchange({"send=mp", "recv", "send-mm=s", "recv-mm", "send=-", "recv"}) ==
          "send: 1\nrecv: 1 kinds=mp cloexec=0 lowest=5\nsend-mm: 1\nrecv-mm: 1 kinds=m cloexec=0 lowest=5\n"
          "send: 1\nrecv: 1 kinds= cloexec=0 lowest=-1\n");
  }
  SECTION("deny") {
    const guarded with{"deny=EXDEV send fds=directory\nallow any"};
    CHECK(with.exchange({"send=md", "send-mm=d", "send=mp", "recv"}) ==
          "send: EXDEV\nsend-mm: EXDEV\nsend: 1\nrecv: 1 kinds=mp cloexec=0 lowest=5\n");
  }
  SECTION("deny, of what is received: that message is gone") {
    const guarded with{"deny receive fds=pipe\nallow any"};
    CHECK(with.exchange({"seqpacket", "send=p", "send=m", "recv", "recv", "recv"}) ==
          "send: 1\nsend: 1\nrecv: EACCES\nrecv: 1 kinds=m cloexec=0 lowest=5\nrecv: EAGAIN\n");
  }
  SECTION("strip, of what is sent") {
    const guarded with{"strip send count>=2\nallow any"};
    CHECK(with.exchange({"send=mm", "recv"}) == "send: 1\nrecv: 1 kinds= cloexec=0 lowest=-1\n");
  }
  SECTION("strip, of what is received: the receiver is told") {
    const guarded with{"strip receive fds=pipe\nallow any"};
    CHECK(with.exchange({"send=mp", "recv"}) == "send: 1\nrecv: 1 kinds= cloexec=0 lowest=-1 truncated\n");
  }
  SECTION("kill") {
    const guarded with{"kill send fds=directory\nallow any"};
    const auto killed = with.run({EXCHANGE_PROGRAM, "send=m", "send=d", "send=m"});
    CHECK(killed.status == 128 + SIGKILL);
    CHECK(killed.out == "send: 1\n");
    CHECK(with.logged().size() == 2);
  }
  SECTION("close-on-exec, and random numbers") {
    const guarded with{"allow send\nallow receive cloexec scattered"};
    int lowest_first = 0;
    for (int i = 0; i != 4; ++i) {
      const auto seen = with.exchange({"send=mmm", "recv"});
      CHECK(contains(seen, "kinds=mmm cloexec=3"));
      if (contains(seen, "lowest=5\n")) ++lowest_first;
    }
    CHECK(lowest_first < 4);  // one in some hundred is, by chance
  }
  SECTION("urgent data refused") {
    const guarded with{"deny=EOPNOTSUPP any oob=yes\nallow any"};
    CHECK(with.exchange({"oob=m", "send=-"}) == "oob: EOPNOTSUPP\nsend: 1\n");
  }
  SECTION("the default") {
    const guarded with{"allow any fds=none"};
    CHECK(with.exchange({"send=m", "send=-", "recv"}) == "send: EPERM\nsend: 1\nrecv: 1 kinds= cloexec=0 lowest=-1\n");
  }
}

TEST_CASE("a 32-bit program is under the same policy") {
#ifdef EXCHANGE_PROGRAM_32
  const guarded with{"deny=EXDEV send fds=directory\nallow any"};
  CHECK(with.exchange({"send=d", "send-mm=d", "send=mp", "recv", "send-mm=m", "recv-mm"}, EXCHANGE_PROGRAM_32) ==
        "send: EXDEV\nsend-mm: EXDEV\nsend: 1\nrecv: 1 kinds=mp cloexec=0 lowest=5\n"
        "send-mm: 1\nrecv-mm: 1 kinds=m cloexec=0 lowest=5\n");
  CHECK(with.logged().size() == 6);
#else
  SCM_SKIP("no 32-bit programs can be built here");
#endif
}

TEST_CASE("every decision is a record, from which descriptors can be counted, by kind") {
  const guarded with{"deny any fds=directory\nallow any cloexec"};
  with.exchange({"send=ms", "recv", "send=d", "send-mm=p", "recv-mm"});
  const auto all = with.logged();
  REQUIRE(all.size() == 5);
  std::map<std::string, int> sent, received;
  for (const auto& one : all) {
    CHECK(one["program"] == EXCHANGE_PROGRAM);
    CHECK(one["type"] == "stream");
    CHECK(one["bytes"] == 1);
    CHECK(one["peer"] == "(unnamed)");
    CHECK(one["peer_process"]["uid"] == ::getuid());
    if (one["action"] != "allow") continue;
    for (const auto& fd : one["descriptors"]) ++(one["call"] == "send" ? sent : received)[fd["kind"]];
  }
  CHECK(sent == std::map<std::string, int>{{"memfd", 2}, {"pipe", 1}});
  CHECK(received == sent);
  CHECK(all[0]["decision"] == "allow");
  CHECK(all[1]["decision"] == "allow cloexec");
  CHECK(all[0]["line"] == 4);
  CHECK(all[0]["descriptors"][1]["seals"] == json{"shrink", "grow"});
  CHECK(all[2]["action"] == "deny");
  CHECK(all[2]["decision"] == "deny");
  CHECK(all[2]["line"] == 3);
}

TEST_CASE("a record says which descriptors the program had no room for") {
  const guarded with{"allow any"};
  with.exchange({"send=mpd", "recv=2"});
  const auto all = with.logged();
  REQUIRE(all.size() == 2);
  for (const auto& one : all) {
    REQUIRE(one["descriptors"].size() == 3);
    CHECK_FALSE(one["descriptors"][1].contains("no_room"));
    CHECK(one["descriptors"][2].contains("no_room") == (one["call"] == "receive"));
  }
}

TEST_CASE("a record in text is one line without the control characters of those it tells of") {
  const guarded with{"deny any fds=directory\nallow any"};
  auto words = with.words({EXCHANGE_PROGRAM, "send=m", "send=d", "send=mp", "recv", "recv=1"});
  std::erase(words, "--json");
  running_program program{words};
  CHECK(program.wait().status == 0);
  const std::string log = content(with.log());
  CHECK(std::count(log.begin(), log.end(), '\n') == 5);
  CHECK(log.find('\x1b') == std::string::npos);
  CHECK(contains(log, "Z allow line 4: "));
  CHECK(contains(log, " send unix stream to (unnamed), 1 byte, uid "));
  CHECK(contains(log, "1 descriptor: memfd rw 0 bytes exchange\\x1b[31m\n"));
  CHECK(contains(log, "Z deny line 3: "));
  CHECK(contains(log, "1 descriptor: directory r /\n"));
  CHECK(contains(log, "2 descriptors: memfd rw 0 bytes exchange\\x1b[31m; pipe "));
  CHECK(contains(log, "2 descriptors (room for 1): memfd rw 0 bytes exchange\\x1b[31m; pipe "));
}

TEST_CASE("without a log what is not allowed is told on standard error") {
  const guarded with{"allow any fds=none"};
  auto words = with.words({EXCHANGE_PROGRAM, "send=-", "send=m"});
  words.erase(std::ranges::find(words, "--log"), std::ranges::find(words, "--log") + 2);
  std::erase(words, "--json");
  running_program program{words};
  const auto finished = program.wait();
  CHECK(finished.out == "send: 1\nsend: EPERM\n");
  CHECK(finished.err.starts_with("scm: "));
  CHECK(contains(finished.err, " deny=EPERM line 2: "));
  CHECK(std::count(finished.err.begin(), finished.err.end(), '\n') == 1);
}

TEST_CASE("a message whose record cannot be written is denied, or goes on where that was asked for") {
  const guarded with{"deny=EXDEV any fds=directory\nallow any"};
  const auto logging_to = [&](std::string where, const std::vector<std::string>& more) {
    auto words = with.words({EXCHANGE_PROGRAM, "send=d", "send=m"}, more);
    *(std::ranges::find(words, "--log") + 1) = std::move(where);
    return running_program{words}.wait();
  };
  const auto full = logging_to("/dev/full", {});
  CHECK(full.out == "send: EIO\nsend: EIO\n");
  CHECK(contains(full.err, "cannot write to the log /dev/full: No space left on device; "));
  CHECK(std::count(full.err.begin(), full.err.end(), '\n') == 1);
  const auto going_on = logging_to("/dev/full", {"--unlogged", "allow"});
  CHECK(going_on.out == "send: EXDEV\nsend: 1\n");
  CHECK(contains(going_on.err, "messages go on without a record"));
  // One that cannot even be opened is told before anything runs.
  const auto nowhere = logging_to("/nowhere/log", {"--unlogged", "allow"});
  CHECK(nowhere.status == 1);
  CHECK(nowhere.out.empty());
  // A pipe that nobody reads does not hold the program up.
  const std::string pipe = with.folder() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(logging_to(pipe, {}).status == 1);
}

TEST_CASE("a name in a message that the kernel does not send by is not believed") {
  const guarded with{"allow send peer=/run/good\nallow send peer=unnamed type=stream"};
  // A seqpacket socket sends to its peer, whatever the message names (kernel fact D4).
  CHECK(with.exchange({"seqpacket", "to=/run/good", "m"}) == "to: EPERM\n");
  CHECK(with.logged().at(0)["peer"] == "(unnamed)");
  CHECK(with.exchange({"to=/run/good", "m"}) == "to: EISCONN\n");
}

TEST_CASE("a datagram is decided on by where it goes") {
  const guarded with{"allow send peer=@scm-guard-*"};
  const std::string here = "@scm-guard-" + std::to_string(::getpid());
  const auto at = datagram::bind(address::parse(here).value()).value();
  CHECK(with.exchange({"dgram", "to=" + here, "m", "to=@scm-other", "m"}) == "to: 1\nto: EPERM\n");
  const auto all = with.logged();
  REQUIRE(all.size() == 2);
  CHECK(all[0]["peer"] == here);
  CHECK_FALSE(all[0].contains("peer_process"));
}

TEST_CASE("a program that renames itself is still the program that it is") {
  const guarded with{fmt::format("allow any program={}\nallow any program=exchang*", "good")};
  CHECK(with.exchange({"name=good", "send=m"}) == "send: 1\n");
  const guarded strict{"allow any program=good"};
  CHECK(strict.exchange({"name=good", "send=m"}) == "send: EPERM\n");
}

TEST_CASE("a thread that changes a message while it is decided on gets nothing through that was denied") {
  const guarded with{"deny send fds=pipe\nallow any fds=memfd"};
  // The memfd or the pipe is looked at, denied or sent: the same one.
  const auto seen = with.exchange({"threads=3000"});
  CHECK((seen == "threads: both, wrong=0\n" || seen == "threads: sent, wrong=0\n" ||
         seen == "threads: denied, wrong=0\n"));
  for (const auto& one : with.logged()) {
    if (one["action"] == "allow") CHECK(one["descriptors"][0]["kind"] == "memfd");
  }
}

TEST_CASE("no call that carries messages goes around the guard") {
  const guarded with{"allow any"};
  CHECK(with.exchange({"uring", "send=m"}) == "uring: ENOSYS\nsend: 1\n");
  // And nobody under it can be asked by others: the kernel knows one listener for a process.
  CHECK(with.exchange({"listener", "send=m"}) == "listener: EBUSY\nsend: 1\n");
}

TEST_CASE("a guard in a guard says that there can be one") {
  const guarded outer{"allow any"}, inner{"allow any"};
  const auto refused = outer.run(inner.words({"true"}));
  CHECK(refused.status == 1);
  CHECK(contains(refused.err, "somebody decides on the messages of scm itself already"));
}

TEST_CASE("what a program starts is under its policy") {
  const guarded with{"deny any fds=directory\nallow any"};
  const auto finished =
      with.run({"sh", "-c", std::string{EXCHANGE_PROGRAM} + " send=d; " + EXCHANGE_PROGRAM + " send=m"});
  CHECK(finished.out == "send: EACCES\nsend: 1\n");
}

TEST_CASE("a program finds the descriptors that its guard was started with") {
  const guarded with{"allow any"};
  const owned_fd file = file_with(with.folder() / "f", "content");
  REQUIRE(::lseek(file.native_handle(), 0, SEEK_SET) == 0);
  running_program program{with.words({"sh", "-c", "cat <&7; echo ${LISTEN_FDS-none}"}), {{file.get(), 7}}};
  CHECK(program.wait().out == "contentnone\n");
}

TEST_CASE("the exit status of a guard is that of its program") {
  const guarded with{"allow any"};
  CHECK(with.run({EXCHANGE_PROGRAM, "exit=7"}).status == 7);
  CHECK(with.run({EXCHANGE_PROGRAM, "raise=" + std::to_string(SIGUSR1)}).status == 128 + SIGUSR1);
  CHECK(with.run({EXCHANGE_PROGRAM, "broken"}).status == 128 + SIGPIPE);
  const auto nothing = with.run({"scm-no-such-program"});
  CHECK(nothing.status == 127);
  CHECK(contains(nothing.err, "cannot run scm-no-such-program: "));
  CHECK(with.run({"/etc/passwd"}).status == 126);
}

TEST_CASE("a signal for the guard is the program's") {
  const guarded with{"allow any"};
  running_program program{
      with.words({"sh", "-c", "trap 'echo told; exit 5' TERM; echo ready >&2; while :; do sleep 0.05; done"})};
  REQUIRE(eventually([&] { return contains(program.err_so_far(), "ready"); }));
  program.signal(SIGTERM);
  const auto finished = program.wait();
  CHECK(finished.status == 5);
  CHECK(finished.out == "told\n");
}

TEST_CASE("a guard that is killed takes its program with it") {
  const guarded with{"allow any"};
  running_program program{with.words({"sh", "-c", "echo $$ >&2; while :; do sleep 0.05; done"})};
  REQUIRE(eventually([&] { return contains(program.err_so_far(), "\n"); }));
  const auto pid = static_cast<pid_t>(std::stol(program.err_so_far()));
  const owned_fd handle{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  REQUIRE(handle);
  ::kill(program.pid(), SIGKILL);
  CHECK(eventually([&] {
    pollfd event{handle.native_handle(), POLLIN, 0};
    return ::poll(&event, 1, 0) == 1;
  }));
}

TEST_CASE("a program that is released goes on, and its messages fail") {
  const guarded with{"allow any"};
  const std::string flag = with.folder() / "flag", out = with.folder() / "out";
  running_program program{
      with.words({"sh", "-c",
                  fmt::format("echo ready >&2; while [ ! -e {} ]; do sleep 0.02; done; {} send=m >{}", flag,
                              EXCHANGE_PROGRAM, out)},
                 {"--release"})};
  REQUIRE(eventually([&] { return contains(program.err_so_far(), "ready"); }));
  ::kill(program.pid(), SIGKILL);
  static_cast<void>(file_with(flag, ""));
  CHECK(eventually([&] { return content(out) == "send: ENOSYS\n"; }));
}

TEST_CASE("a guard has given up what it does not need when the first message is decided on") {
  const guarded with{"allow any"};
  running_program program{
      with.words({"sh", "-c", std::string{EXCHANGE_PROGRAM} + " send=-; echo ready >&2; sleep 20"})};
  REQUIRE(eventually([&] { return contains(program.err_so_far(), "ready"); }));
  const std::string status = content(fmt::format("/proc/{}/status", program.pid()));
  CHECK(contains(status, "\nSeccomp:\t2\n"));
  CHECK(contains(status, "\nNoNewPrivs:\t1\n"));
}

TEST_CASE("a receiver sees the program as the sender, and without privilege the guard") {
  if (::geteuid() != 0) SCM_SKIP("needs root, to be somebody without privilege");
  const guarded with{"allow any"};
  REQUIRE(::chmod(with.folder().path().c_str(), 0777) == 0);
  const std::vector<std::string> nobody{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"};
  {
    auto reach = nobody;
    reach.insert(reach.end(), {SCM_PROGRAM, "--version"});
    if (running_program{reach}.wait().status != 0) SCM_SKIP("nobody cannot reach the program");
  }
  const std::string at = abstract_address();
  const std::string file = with.folder() / "f";
  static_cast<void>(file_with(file, "content"));
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  for (const bool privileged : {true, false}) {
    INFO((privileged ? "privileged" : "not privileged"));
    ::unlink(with.log().c_str());
    running_program receiver{scm_words({"recv", at, "--listen", "--json", "--type", "dgram"})};
    REQUIRE(somebody_listens(at, "dgram"));
    auto words = with.words({SCM_PROGRAM, "send", at, file, "--type", "dgram"});
    if (!privileged) words.insert(words.begin(), nobody.begin(), nobody.end());
    running_program guard{words};
    const pid_t guard_pid = guard.pid();
    const auto finished = guard.wait();
    INFO(finished.err);
    CHECK(finished.status == 0);
    const pid_t seen = json::parse(receiver.wait().out)["sender"]["pid"];
    const pid_t program = with.logged().at(0)["pid"];
    CHECK(program != guard_pid);
    CHECK(seen == (privileged ? program : guard_pid));
  }
}

TEST_CASE("scm itself sends and receives under a guard") {
  const guarded with{"allow any fds=none\nallow any fds=regular_file,access=r count=1"};
  const std::string at = abstract_address();
  const std::string file = with.folder() / "f";
  static_cast<void>(file_with(file, "content"));
  running_program receiver{with.words({SCM_PROGRAM, "recv", at, "--listen", "--json"})};
  REQUIRE(somebody_listens(at));
  const auto sent = with.run({SCM_PROGRAM, "send", at, file});
  CHECK(sent.status == 0);
  const auto received = receiver.wait();
  CHECK(received.status == 0);
  CHECK(contains(received.out, "\"kind\":\"regular_file\""));
  // Opened for writing it is not what was agreed.
  running_program waiting{with.words({SCM_PROGRAM, "recv", at, "--listen", "--json"})};
  REQUIRE(somebody_listens(at));
  const auto refused = with.run({SCM_PROGRAM, "send", at, "--write", file});
  CHECK(refused.status == 1);
  CHECK(contains(refused.err, "Operation not permitted"));
}

#endif
