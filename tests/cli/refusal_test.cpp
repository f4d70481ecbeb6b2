// What the program refuses, and how it says so: exit statuses, error texts, and hostile senders.
#include "cli/running_program.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"
#include "support/witness.hpp"

#include <scm/channel.hpp>

#include <algorithm>

using namespace scm;
using namespace scm::test;

namespace {

bool safe_to_print(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); });
}

}  // namespace

TEST_CASE("wrong usage ends with 2 and says where to find help") {
  const std::vector<std::vector<std::string>> wrong{
      {},
      {"frobnicate"},
      {"send"},
      {"recv"},
      {"send", "@x"},
      {"send", "", "--text", "x"},
      {"send", std::string(109, 'p'), "--text", "x"},
      {"send", '@' + std::string(108, 'a'), "--text", "x"},
      {"send", "fd:", "--text", "x"},
      {"send", "fd:-1", "--text", "x"},
      {"send", "fd:99999999999999999999", "--text", "x"},
      {"send", "@x", "--fd", "three"},
      {"send", "@x", "--fd", "0:1"},
      {"send", "@x", "--fd"},
      {"send", "@x", "--type", "raw", "--text", "x"},
      {"send", "@x", "--type", "dgram", "--listen", "--text", "x"},
      {"send", "@x", "--text", "x", "--data", "y"},
      {"send", "@x", "--replace", "--text", "x"},
      {"recv", "@x", "--max-fds", "254"},
      {"recv", "@x", "--max-fds", "-1"},
      {"recv", "@x", "--expect", "memfd,acces=r"},
      {"recv", "@x", "--expect", "memfd", "--expect", "pipe", "--max-fds", "1"},
      {"inspect", "--expect", "size>4"},
      {"recv", "@x", "--count", "-1"},
      {"recv", "@x", "--count", "some"},
      {"recv", "@x", "--save-max", "5"},
      {"recv", "@x", "cat"},
      {"recv", "@x", "--"},
      {"recv", "@x", "--json", "--", "cat"},
      {"recv", "--", "cat"},
      {"help", "frobnicate"},
      {"send", "@x", "--fr\x1b[2Job"},
      {"\x1b[2J"},
  };
  for (const auto& words : wrong) {
    const auto run = run_scm(words);
    INFO("arguments: " << ::Catch::StringMaker<std::vector<std::string>>::convert(words) << " wrote " << run.err);
    CHECK(run.status == 2);
    CHECK(run.out.empty());
    CHECK(run.err.starts_with("scm: "));
    CHECK(contains(run.err, "\nTry: scm "));
    CHECK(safe_to_print(run.err));
  }
}

TEST_CASE("help and version are printed on standard output, with status 0") {
  const std::vector<std::vector<std::string>> asked{{"--help"},         {"help"},           {"help", "send"},
                                                    {"send", "--help"}, {"recv", "--help"}, {"help", "recv"}};
  for (const auto& words : asked) {
    const auto run = run_scm(words);
    CHECK(run.status == 0);
    CHECK(contains(run.out, "Usage: scm "));
    CHECK(run.err.empty());
  }
  CHECK(run_scm({"--version"}).out.starts_with("scm 0."));
  CHECK(contains(run_scm({"help", "recv"}).out, "LISTEN_FDS"));
}

TEST_CASE("an error says what was done, to what, why it failed, and what to try") {
  const temporary_folder folder;
  const auto text_of = [](std::vector<std::string> words) {
    const auto run = run_scm(std::move(words));
    CHECK(run.status == 1);
    CHECK(run.out.empty());
    return run.err;
  };
  CHECK(contains(text_of({"send", folder / "none", "--text", "x"}),
                 "cannot connect to " + folder / "none" + ": No such file"));
  CHECK(contains(text_of({"send", folder / "none", "--text", "x"}),
                 "start the other side first (send and recv: with --listen)"));
  CHECK(contains(text_of({"recv", abstract_address()}), "Connection refused; nobody listens there"));
  CHECK(contains(text_of({"send", "@x", folder / "missing"}), "cannot open " + folder / "missing" + ": No such file"));
  CHECK(contains(text_of({"send", "@x", "--write", folder.path()}), "leave out --write"));
  CHECK(contains(text_of({"send", "@x", "--fd", "77"}), "was not started with a descriptor 77"));
  CHECK(contains(text_of({"send", "fd:77", "--text", "x"}), "was not started with a descriptor 77"));
  CHECK(contains(text_of({"recv", "fd:1"}), "cannot use fd:1: not the kind of socket"));
  CHECK(contains(text_of({"recv", folder / "none" + "/x", "--listen"}), "the directory does not exist"));
  CHECK(contains(text_of({"send", "@x", "--fd", "2147483647:3"}), "No such process"));
}

TEST_CASE("a number that is free is no descriptor to send, although a file of ours could have it by then") {
  const temporary_folder folder;
  file_with(folder / "file", "");
  // Opened first, the file would be descriptor 3 and be sent twice.
  const auto run =
      running_program{{"sh", "-c", "exec \"$0\" send @x \"$1\" --fd 3 3<&-", SCM_PROGRAM, folder / "file"}}.wait();
  CHECK(run.err == "scm: scm was not started with a descriptor 3\n");
}

TEST_CASE("254 descriptors are refused before anybody is asked") {
  const temporary_folder folder;
  file_with(folder / "file", "");
  std::vector<std::string> words{"send", folder / "nobody"};
  words.insert(words.end(), 254, folder / "file");
  const auto run = run_scm(words);
  CHECK(run.status == 1);
  CHECK(run.err == "scm: 254 descriptors are too many: the kernel takes at most 253 in one message\n");
}

TEST_CASE("a socket of another type is told from one that is not there") {
  const auto where = abstract_address();
  const temporary_folder folder;
  running_program receiver{scm_words({"recv", folder / "socket", "--listen"})};
  REQUIRE(somebody_listens(folder / "socket"));
  for (const std::string type : {"stream", "dgram"}) {
    const auto run = run_scm({"send", folder / "socket", "--type", type, "--text", "x"});
    CHECK(run.status == 1);
    CHECK(contains(run.err, "give the same --type on both sides"));
  }
  CHECK(run_scm({"send", folder / "socket", "--text", "x"}).status == 0);
  CHECK(receiver.wait().status == 0);
}

TEST_CASE("more descriptors than --max-fds are refused, all of them are closed, and the text says how many to allow") {
  for (const int listening : {0, 1}) {
    auto ends = seqpacket::pair().value();
    witness given;
    {
      const auto end = given.give();
      REQUIRE(ends.first.send("x", {end.get(), end.get(), end.get()}));
    }
    if (listening == 0) {
      const auto run = run_scm({"recv", "fd:40", "--max-fds", "2"}, {{ends.second.fd(), 40}});
      CHECK(run.status == 1);
      CHECK(run.out.empty());
      CHECK(contains(run.err, "at least 3 descriptors came, and --max-fds is 2"));
      CHECK(contains(run.err, "Try --max-fds 253"));
    } else {
      CHECK(run_scm({"recv", "fd:40", "--max-fds", "3"}, {{ends.second.fd(), 40}}).status == 0);
    }
    CHECK(given.closed());
  }
}

TEST_CASE("a message whose descriptors are not what --expect says is refused with the reason, and closed") {
  auto ends = seqpacket::pair().value();
  const owned_fd memory{::memfd_create("memory", MFD_CLOEXEC)};
  const auto received = [&](std::initializer_list<borrowed_fd> sent, std::vector<std::string> options) {
    witness given;
    {
      const auto end = given.give();
      std::vector<borrowed_fd> all{end.get()};
      all.insert(all.end(), sent);
      REQUIRE(ends.first.send("x", std::span<const borrowed_fd>{all}));
    }
    std::vector<std::string> words{"recv", "fd:40", "--expect", "pipe,access=w"};
    words.insert(words.end(), options.begin(), options.end());
    const auto run = run_scm(words, {{ends.second.fd(), 40}});
    CHECK(given.closed());
    return run;
  };
  CHECK(received({}, {}).status == 0);
  CHECK(received({memory}, {"--expect", "memfd"}).status == 0);
  CHECK(received({memory}, {"--expect", "pipe/memfd", "--max-fds", "9"}).status == 0);
  const auto kind = received({memory}, {"--expect", "pipe"});
  CHECK(kind.status == 1);
  CHECK(kind.out.empty());
  CHECK(contains(kind.err,
                 "refused a message from fd:40: descriptor 1 is memfd, not pipe; all its descriptors were closed"));
  CHECK(contains(received({}, {"--expect", "any"}).err, "descriptor 1 is missing: 1 came, and 2 are needed"));
  CHECK(contains(received({memory, memory, memory}, {}).err, "descriptors came, and at most 1 was expected"));
}

TEST_CASE("what is wrong with a rule is said at its character") {
  const auto run = run_scm({"inspect", "fd:0", "--expect", "memfd,acces=r"});
  CHECK(run.status == 2);
  CHECK(contains(run.err, "--expect: not a rule, at character 7: acces=r"));
  CHECK(contains(run_scm({"inspect", "--expect", "size>="}).err, "at character 7: the end"));
}

TEST_CASE("a descriptor that is not what --expect says is shown, reported, and turns the exit status") {
  const owned_fd null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  const auto right = run_scm({"inspect", "fd:40", "--expect", "character_device,device=1:3"}, {{null, 40}});
  CHECK(right.status == 0);
  CHECK(right.err.empty());
  const auto wrong = run_scm({"inspect", "fd:40", "--expect", "access=w"}, {{null, 40}});
  CHECK(wrong.status == 1);
  CHECK(contains(wrong.out, "/dev/null"));
  CHECK(contains(wrong.err, "fd:40: not what was expected: allows r, not w"));
}

TEST_CASE("a lost message is reported and the next one is received") {
  auto ends = seqpacket::pair().value();
  witness given;
  const auto end = given.give();
  REQUIRE(ends.first.send("x", {end.get(), end.get()}));
  REQUIRE(ends.first.send("whole", end.get()));
  const auto run = run_scm({"recv", "fd:40", "--max-fds", "1", "--count", "2"}, {{ends.second.fd(), 40}});
  CHECK(run.status == 1);
  CHECK(contains(run.err, "refused a message"));
  CHECK(contains(run.out, "\"whole\""));
}

TEST_CASE("a receiver without free descriptors says so, and hands nothing on") {
  auto ends = seqpacket::pair().value();
  witness given;
  const std::string limited = "ulimit -n 20; exec \"$0\" recv fd:9 -- echo ran";
  {
    const auto end = given.give();
    REQUIRE(ends.first.send("x", std::vector<borrowed_fd>(100, end.get())));
  }
  const auto run = running_program{{"sh", "-c", limited, SCM_PROGRAM}, {{ends.second.fd(), 9}}}.wait();
  CHECK(run.status == 1);
  CHECK(run.out.empty());
  CHECK(contains(run.err, "descriptors of this message were lost"));
  CHECK(contains(run.err, "the limit, ulimit -n, is 20"));
  CHECK(given.closed());
}

TEST_CASE("a receiver that refuses descriptors is recognised") {
  const auto where = abstract_address();
  auto listening = listener<seqpacket>::bind(address::parse(where).value(), {.channel = {.accept_descriptors = false}});
  if (!listening && listening.error() == errc::unsupported) SCM_SKIP("no SO_PASSRIGHTS (Linux 6.16)");
  REQUIRE(listening);
  const temporary_folder folder;
  file_with(folder / "file", "");
  const auto run = run_scm({"send", where, folder / "file"});
  CHECK(run.status == 1);
  CHECK(contains(
      run.err, "cannot send 1 descriptor and 5 bytes to " + where + ": Operation not permitted; the receiver refuses"));
}

TEST_CASE("a message too long for the kernel is refused with a way out") {
  const temporary_folder folder;
  const auto file = file_with(folder / "long", "");
  REQUIRE(::ftruncate(file.native_handle(), 32 * 1024 * 1024) == 0);
  auto ends = seqpacket::pair().value();
  const auto run = run_scm({"send", "fd:40", "--data", folder / "long"}, {{ends.first.fd(), 40}});
  CHECK(run.status == 1);
  CHECK(contains(run.err, "send the data as a FILE, or use --type stream"));
}

TEST_CASE("a sender that says nothing leaves the receiver with 1, one that is gone the sender") {
  auto ends = seqpacket::pair().value();
  REQUIRE(ends.first.shutdown_send());
  const auto run = run_scm({"recv", "fd:40"}, {{ends.second.fd(), 40}});
  CHECK(run.status == 1);
  CHECK(contains(run.err, "no message came from fd:40"));

  ends = seqpacket::pair().value();
  owned_fd copy = duplicate(ends.first.fd()).value();
  ends = seqpacket::pair().value();
  const auto gone = run_scm({"send", "fd:40", "--text", "x"}, {{copy.get(), 40}});
  CHECK(gone.status == 1);
  CHECK(contains(gone.err, "Broken pipe; the receiver has gone"));
}

TEST_CASE("a killed receiver is nobody to send to") {
  const temporary_folder folder;
  running_program receiver{scm_words({"recv", folder / "socket", "--listen"})};
  REQUIRE(somebody_listens(folder / "socket"));
  receiver.signal(SIGKILL);
  CHECK(receiver.wait().status == 128 + SIGKILL);
  const auto run = run_scm({"send", folder / "socket", "--text", "x"});
  CHECK(run.status == 1);
  CHECK(contains(run.err, "nobody listens there"));
}

TEST_CASE("whatever a sender writes, what is printed is one line of plain characters") {
  const temporary_folder folder;
  const std::string evil = "\x1b]0;title\x07\x1b[2J\r\nscm: forged\n\x9b\xff\\" + std::string(1, '\0');
  file_with(folder / "na\nme\x1b[31m", "");
  const owned_fd file{::open((folder / "na\nme\x1b[31m").c_str(), O_RDONLY | O_CLOEXEC)};
  for (const std::string format : {"", "--json"}) {
    auto ends = seqpacket::pair().value();
    REQUIRE(ends.first.send(evil, file.get()));
    std::vector<std::string> words{"recv", "fd:40"};
    if (!format.empty()) words.push_back(format);
    const auto run = run_scm(words, {{ends.second.fd(), 40}});
    INFO(run.out);
    CHECK(run.status == 0);
    CHECK(safe_to_print(run.out));
    CHECK(!contains(run.out, "\nscm: forged"));
  }
}

TEST_CASE("output that nobody reads, or that has no room, ends the program with 1") {
  auto ends = seqpacket::pair().value();
  for (int i = 0; i != 2; ++i) REQUIRE(ends.first.send("x"));
  const owned_fd full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
  const auto run =
      running_program{{"sh", "-c", "exec \"$0\" recv fd:9 >/dev/full", SCM_PROGRAM}, {{ends.second.fd(), 9}}}.wait();
  CHECK(run.status == 1);
  CHECK(contains(run.err, "cannot write to standard output: No space left on device"));

  const auto unread = running_program{
      {"bash", "-c", "(sleep 0.2; \"$0\" recv fd:9; echo $? >&2) | true", SCM_PROGRAM},
      {{ends.second.fd(),
        9}}}.wait();
  CHECK(unread.err == "1\n");
}
