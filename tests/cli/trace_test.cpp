// `scm trace`: what it prints of a program's messages, and that the program does not notice.
#include "cli/run_program.hpp"
#include "cli/running_program.hpp"
#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <nlohmann/json.hpp>

#include <regex>
#include <sstream>

using namespace scm;
using test::contains;
using test::run_scm;

namespace {

std::vector<nlohmann::json> records_in(const std::string& text) {
  std::vector<nlohmann::json> all;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) all.push_back(nlohmann::json::parse(line));
  return all;
}

std::vector<nlohmann::json> of_kind(const std::vector<nlohmann::json>& all, const std::string& kind) {
  std::vector<nlohmann::json> found;
  for (const auto& one : all) {
    if (one["record"] == kind) found.push_back(one);
  }
  return found;
}

}  // namespace

TEST_CASE("scm trace prints each message, its descriptors on both sides, and the one that was lost", "[trace]") {
  const auto done = run_scm({"trace", "-c", "--", TALK_PROGRAM, "stream"});
  INFO(done.err);
  CHECK(done.status == 0);
  CHECK(done.out.empty());
  CHECK(std::regex_search(
      done.err,
      std::regex{
          R"(talk\[\d+\] sendmsg fd 3 \(stream -> process \d+\): 4 bytes #1, 2 descriptors  MSG_NOSIGNAL  "both")"}));
  std::smatch half;  // sent before or after the first was received
  REQUIRE(std::regex_search(done.err, half, std::regex{R"(sendmsg fd 3 .*: 4 bytes #([23]), 2 descriptors  "half")"}));
  CHECK(std::regex_search(done.err, std::regex{R"(recvmsg fd 4 .*: 4 bytes #\d, 1 descriptor  <- #)" + half[1].str() +
                                               R"( of talk\[\d+\] \(fd 3\)  msg_flags MSG_CTRUNC  "half")"}));
  CHECK(std::regex_search(done.err, std::regex{R"(\n +6>\d+ +memfd +rw .* second\n)"}));
  CHECK(std::regex_search(
      done.err,
      std::regex{
          R"(\n +5>lost +memfd +rw .* first\n +1 of 2 descriptors LOST: its room for control data was 20 bytes\n)"}));
  CHECK(std::regex_search(
      done.err,
      std::regex{
          R"(who passed what to whom:\n  talk\[\d+\] -> talk\[\d+\]: 2 messages, 8 bytes, 3 memfd\nlost at the receiver)"}));
}

TEST_CASE("scm trace says at the end what was sent and not received, and why where that is known", "[trace]") {
  const auto done = run_scm({"trace", "-c", "--", TALK_PROGRAM, "drop"});
  INFO(done.err);
  CHECK(std::regex_search(
      done.err,
      std::regex{R"(#1 of talk.*: taken by a call that takes no descriptors, which are closed\n.* read past\n)"}));
  CHECK(std::regex_search(done.err, std::regex{R"(of talk.*: no traced program received it\n.* stays\n)"}));
  CHECK(contains(done.err, "failed: Bad file descriptor"));
}

TEST_CASE("scm trace --json prints an object a line, with all that is known", "[trace]") {
  const auto done = run_scm({"trace", "--json", "-c", "-s", "2", "--", TALK_PROGRAM, "stream"});
  const auto all = records_in(done.err);
  const auto calls = of_kind(all, "call");
  REQUIRE(calls.size() == 5);
  const auto& sent = calls[0]["messages"][0];
  CHECK(sent["payload"] == "bo");
  CHECK(sent["bytes"] == 4);
  CHECK(sent["descriptors"][0]["name"] == "first");
  CHECK(calls[0]["flags"] == nlohmann::json{"MSG_NOSIGNAL"});
  CHECK(calls[0]["socket"]["type"] == "stream");
  CHECK(calls[0]["bits"] == 64);
  std::size_t lost = 0;
  for (const auto& call : calls) {
    for (const auto& message : call["messages"]) lost += message.contains("lost") ? message["lost"].size() : 0;
  }
  CHECK(lost == 1);
  REQUIRE(of_kind(all, "passed").size() == 1);
  CHECK(of_kind(all, "passed")[0]["descriptors"]["memfd"] == 3);
  CHECK(of_kind(all, "lost").size() == 1);
}

TEST_CASE("scm trace keeps the calls that are asked for: by kind, by program and by socket", "[trace]") {
  const auto with = run_scm({"trace", "-e", "descriptors", "--", TALK_PROGRAM, "nonsense"});
  CHECK(with.err.empty());  // its only descriptors are in control data that is malformed
  CHECK_FALSE(run_scm({"trace", "-e", "errors", "--", TALK_PROGRAM, "nonsense"}).err.empty());
  CHECK(run_scm({"trace", "-f", "other*", "--", TALK_PROGRAM, "stream"}).err.empty());
  CHECK_FALSE(run_scm({"trace", "-f", "other*", "-f", "ta?k", "--", TALK_PROGRAM, "stream"}).err.empty());
  CHECK_FALSE(run_scm({"trace", "-f", "/tmp/talk-*", "--", TALK_PROGRAM, "addressed"}).err.empty());
}

TEST_CASE("scm trace ends as its program did, and says why where there is none", "[trace]") {
  CHECK(run_scm({"trace", "--", "sh", "-c", "exit 7"}).status == 7);
  CHECK(run_scm({"trace", "--", TALK_PROGRAM, "killed"}).status == 128 + SIGKILL);
  CHECK(run_scm({"trace", "--", "no-such-program-anywhere"}).status == 127);
  CHECK(run_scm({"trace", "--", "/"}).status == 126);
  CHECK(run_scm({"trace", "--"}).status == 2);
  CHECK(run_scm({"trace", "true"}).status == 2);
  CHECK(run_scm({"trace", "-e", "nothing", "--", "true"}).status == 2);
}

TEST_CASE("a program under scm trace has its standard streams and every descriptor that it was started with",
          "[trace]") {
  const owned_fd given = test::made(::memfd_create("given", MFD_CLOEXEC));
  const auto done = run_scm({"trace", "--", "sh", "-c", "cat; echo nine >&9; ls /proc/self/fd | wc -l"}, {{given, 9}},
                            "what was piped in\n");
  CHECK(done.out == "what was piped in\n5\n");  // 0, 1, 2, 9 and that of the folder
  CHECK(test::content_of(given) == "nine\n");
  CHECK(done.err.empty());
}

TEST_CASE("scm trace -o writes to a file, and signals that it gets are the program's", "[trace]") {
  const test::temporary_folder folder;
  const std::string log = folder / "log";
  test::running_program running{test::scm_words(
      {"trace", "-o", log, "--", "sh", "-c", "trap 'exit 9' TERM; echo ready >&2; while :; do sleep 0.01; done"})};
  REQUIRE(test::eventually([&] { return contains(running.err_so_far(), "ready"); }));
  running.signal(SIGTERM);
  CHECK(running.wait().status == 9);
  CHECK(::access(log.c_str(), F_OK) == 0);
  CHECK(run_scm({"trace", "-o", "/does/not/exist", "--", "true"}).status == 1);
}

TEST_CASE("names that others chose do no harm on a terminal", "[trace]") {
  const auto done = run_scm({"trace", "--", TALK_PROGRAM, "odd-names"});
  INFO(done.err);
  CHECK(contains(done.err, "sendmsg"));
  CHECK_FALSE(contains(done.err, "\x1b"));
}
