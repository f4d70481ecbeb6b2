// `scm recv -- COMMAND`: what the command finds, and what becomes of its end.
#include "cli/running_program.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"
#include "support/witness.hpp"

#include <scm/channel.hpp>

using namespace scm;
using namespace scm::test;

namespace {

// Runs a command with one message that holds `descriptors`.
ended run_command(std::vector<std::string> command, borrowed_fds descriptors = {}, std::vector<handed> inherited = {}) {
  auto ends = seqpacket::pair().value();
  REQUIRE(ends.first.send("four", descriptors));
  std::vector<std::string> words{"recv", "fd:40", "--"};
  words.insert(words.end(), command.begin(), command.end());
  inherited.push_back({ends.second.fd(), 40});
  return run_scm(words, inherited);
}

}  // namespace

TEST_CASE("the command finds its descriptors from 3 on, their count, its process id, and nothing else open") {
  const temporary_folder folder;
  const auto file = file_with(folder / "file", "");
  witness other;
  const auto end = other.give();
  const auto found = run_command({"sh", "-c",
                                  "for fd in /proc/$$/fd/*; do readlink \"$fd\"; done; "
                                  "echo $SCM_FDS $LISTEN_FDS $SCM_PAYLOAD_BYTES; "
                                  "test $LISTEN_PID = $$ && echo mine"},
                                 {file.get(), file.get()}, {{end.get(), 3}, {end.get(), 4}, {end.get(), 50}});
  const auto path = folder / "file";
  CHECK(contains(found.out, path + '\n' + path + "\n2 2 4\nmine\n"));
  CHECK(!contains(found.out, "pipe:"));
  CHECK(!contains(found.out, "socket:"));
}

TEST_CASE("the exit status is the command's, and says how it ended otherwise") {
  CHECK(run_command({"true"}).status == 0);
  CHECK(run_command({"sh", "-c", "exit 17"}).status == 17);
  CHECK(run_command({"sh", "-c", "kill -9 $$"}).status == 128 + SIGKILL);
  const auto missing = run_command({"/nonexistent/program"});
  CHECK(missing.status == 127);
  CHECK(contains(missing.err, "cannot run /nonexistent/program: No such file or directory"));
  CHECK(run_command({"/etc/passwd"}).status == 126);
}

TEST_CASE("the command's words are handed on as they are") {
  const auto run = run_command({"printf", "%s|", "[ -e x ]", "[a,b]", "", "--", "--json", "send", "{}"});
  CHECK(run.out == "[ -e x ]|[a,b]||--|--json|send|{}|");
}

TEST_CASE("a command gets its descriptors in a table with hardly any room") {
  // 3 streams, the inherited socket and our copy of it, 20 descriptors, and the pipe for news of execve(2).
  auto ends = seqpacket::pair().value();
  witness given;
  const auto end = given.give();
  const std::vector<borrowed_fd> many(20, end.get());
  REQUIRE(ends.first.send("x", many));
  const auto run = running_program{
      {"sh", "-c", "ulimit -n 27; exec \"$@\"", "sh", SCM_PROGRAM, "recv", "fd:9", "--", "sh", "-c",
       "for fd in /proc/$$/fd/*; do readlink $fd; done | grep -c pipe:"},
      {{ends.second.fd(),
        9}}}.wait();
  INFO(run.err);
  CHECK(run.status == 0);
  CHECK(run.out == "20\n");
}

TEST_CASE("the program lets go of the descriptors while the command runs") {
  auto ends = seqpacket::pair().value();
  witness given;
  {
    const auto end = given.give();
    REQUIRE(ends.first.send("x", end.get()));
  }
  running_program receiver{scm_words({"recv", "fd:40", "--", "sh", "-c", "exec 3>&-; exec sleep 60"}),
                           {{ends.second.fd(), 40}}};
  CHECK(eventually([&] { return given.closed(); }));
  receiver.signal(SIGTERM);
  CHECK(receiver.wait().status == 128 + SIGTERM);
}

TEST_CASE("a signal is the command's to answer, and the socket's file is removed all the same") {
  const temporary_folder folder;
  const auto where = folder / "socket";
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    running_program receiver{scm_words({"recv", where, "--listen", "--count", "5", "--", "bash", "-c",
                                        "trap 'exit 33' INT TERM HUP; echo ready >&2; while :; do sleep 0.05; done"})};
    REQUIRE(somebody_listens(where));
    REQUIRE(run_scm({"send", where, "--text", "x"}).status == 0);
    REQUIRE(eventually([&] { return contains(receiver.err_so_far(), "ready"); }));
    receiver.signal(number);
    CHECK(receiver.wait().status == 33);
    CHECK(::access(where.c_str(), F_OK) != 0);
  }
}

TEST_CASE("received descriptors never become standard streams, and a closed one is no descriptor to send") {
  auto ends = seqpacket::pair().value();
  witness given;
  {
    const auto end = given.give();
    for (int i = 0; i != 2; ++i) REQUIRE(ends.first.send("must not be written to", end.get()));
  }
  const auto closed = [&](const std::string& command) {
    return running_program{{"sh", "-c", command, SCM_PROGRAM}, {{ends.second.fd(), 9}}}.wait();
  };
  CHECK(closed("\"$0\" recv fd:9 <&- >&- 2>&-").status == 1);  // it could not say what it got
  CHECK(closed("\"$0\" recv fd:9 -- sh -c 'readlink /proc/$$/fd/3 >&2' <&- >&-").err.starts_with("pipe:"));
  const auto refused = closed("\"$0\" send @scm-test-nobody --fd 0 <&-");
  CHECK(refused.err == "scm: scm was not started with a descriptor 0\n");
  CHECK(refused.status == 1);
}
