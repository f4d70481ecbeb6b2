// `scm send` to `scm recv`: what is sent is what is received, over every type of socket and kind of address.
#include "cli/running_program.hpp"
#include "support/catch.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"
#include "support/witness.hpp"

#include <scm/channel.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <random>

using namespace scm;
using namespace scm::test;
using nlohmann::json;

namespace {

const std::vector<std::string> types{"seqpacket", "stream", "dgram"};

std::string random_bytes(std::size_t size) {
  std::mt19937_64 source{size};
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i + 8 <= size; i += 8) {
    const std::uint64_t word = source();
    bytes.replace(i, 8, reinterpret_cast<const char*>(&word), 8);
  }
  return bytes;
}

}  // namespace

TEST_CASE("a command reads the file that was sent, over every type of socket, at paths and abstract names") {
  const temporary_folder folder;
  file_with(folder / "file", "its content\n");
  for (const auto& type : types) {
    for (const auto& where : {folder / "socket", abstract_address()}) {
      INFO(type << " at " << where);
      running_program receiver{scm_words({"recv", where, "--type", type, "--listen", "--", "sh", "-c", "cat <&3"})};
      REQUIRE(somebody_listens(where, type));
      const auto sent = run_scm({"send", where, "--type", type, folder / "file"});
      CHECK(sent.err.empty());
      CHECK(sent.out.empty());
      CHECK(sent.status == 0);
      const auto received = receiver.wait();
      CHECK(received.out == "its content\n");
      CHECK(received.err.empty());
      CHECK(received.status == 0);
      CHECK(::access((folder / "socket").c_str(), F_OK) != 0);
    }
  }
}

TEST_CASE("64 MiB read by a command are the bytes of the file") {
  const temporary_folder folder;
  const auto content = random_bytes(64 * 1024 * 1024);
  file_with(folder / "file", content);
  const auto where = abstract_address();
  running_program receiver{scm_words({"recv", where, "--listen", "--", "sh", "-c", "cat <&3"})};
  REQUIRE(somebody_listens(where));
  REQUIRE(run_scm({"send", where, folder / "file"}).status == 0);
  const auto received = receiver.wait();
  CHECK(received.status == 0);
  CHECK((received.out == content));  // in parentheses: Catch2 would print both
}

TEST_CASE("253 files come as descriptors 3 to 255, in the order sent") {
  const temporary_folder folder;
  const auto where = abstract_address();
  std::vector<std::string> words{"send", where};
  std::string all;
  for (int i = 0; i != 253; ++i) {
    words.push_back(folder / std::to_string(i));
    file_with(words.back(), std::to_string(i) + '\n');
    all += std::to_string(i) + '\n';
  }
  running_program receiver{scm_words(
      {"recv", where, "--listen", "--", "sh", "-c", "i=3; while [ $i -lt 256 ]; do cat /dev/fd/$i; i=$((i+1)); done"})};
  REQUIRE(somebody_listens(where));
  CHECK(run_scm(words).status == 0);
  CHECK(receiver.wait().out == all);
}

TEST_CASE("without a command, the message, its sender and its descriptors are shown") {
  const temporary_folder folder;
  const auto file = file_with(folder / "file", "1234");
  const auto where = abstract_address();
  const auto name = address::parse(where).value();
  for (const auto& type : types) {
    running_program receiver{scm_words({"recv", where, "--type", type, "--listen"})};
    REQUIRE(somebody_listens(where, type));
    const auto send = [&](auto channel) { CHECK(channel->send("some words", file.get())); };
    if (type == "seqpacket") send(seqpacket::connect(name));
    if (type == "stream") send(stream::connect(name));
    if (type == "dgram") send(datagram::connect(name));
    const auto shown = receiver.wait();
    INFO(type << ": " << shown.out);
    CHECK(contains(shown.out, "message 1: 10 bytes, 1 descriptor\n"));
    CHECK(contains(shown.out, "pid " + std::to_string(::getpid()) + " uid " + std::to_string(::getuid()) + " gid "));
    CHECK(contains(shown.out, "test_cli (hint"));
    CHECK(contains(shown.out, "\"some words\""));
    CHECK(contains(shown.out, "regular_file"));
    CHECK(contains(shown.out, folder / "file"));
  }
}

TEST_CASE("scm send stays until the receiver has seen what program it is") {
  const temporary_folder folder;
  const auto file = folder / "file";
  file_with(file, "1234");
  for (const auto& type : types) {
    const auto where = abstract_address();
    running_program receiver{scm_words({"recv", where, "--type", type, "--listen"})};
    REQUIRE(somebody_listens(where, type));
    CHECK(run_scm({"send", where, file, "--type", type}).status == 0);
    const auto shown = receiver.wait();
    INFO(type << ": " << shown.out);
    CHECK(contains(shown.out, "/scm (hint"));
  }
}

TEST_CASE("recv --json prints one object on a line for each message") {
  const temporary_folder folder;
  const auto file = file_with(folder / "file", "1234");
  const auto where = abstract_address();
  running_program receiver{scm_words({"recv", where, "--listen", "--json", "--count", "2"})};
  REQUIRE(somebody_listens(where));
  {
    auto sender = seqpacket::connect(address::parse(where).value());
    REQUIRE(sender->send("\x1b[31m\xff\n", {file.get(), file.get()}));
    REQUIRE(sender->send("second"));
    const auto shown = receiver.wait();
    const auto end = shown.out.find('\n');
    const auto first = json::parse(shown.out.substr(0, end));
    CHECK(first.at("message") == 1);
    CHECK(first.at("size") == 7);
    CHECK(first.at("payload_hex") == "1b5b33316dff0a");
    CHECK(first.at("sender").at("pid") == ::getpid());
    CHECK(first.at("sender").at("uid") == ::getuid());
    CHECK(first.at("descriptors").size() == 2);
    CHECK(first.at("descriptors").at(1).at("path") == folder / "file");
    CHECK(json::parse(shown.out.substr(end + 1)).at("payload") == "second");
    CHECK(shown.status == 0);
  }
}

TEST_CASE("a receiver that connects gets what a listening sender has, and a second one nothing") {
  const temporary_folder folder;
  file_with(folder / "file", "once");
  for (const std::string type : {"seqpacket", "stream"}) {
    for (const auto& where : {folder / "socket", abstract_address()}) {
      INFO(type << " at " << where);
      running_program sender{scm_words({"send", where, "--type", type, "--listen", folder / "file"})};
      ended received;
      CHECK(eventually([&] {
        received = run_scm({"recv", where, "--type", type, "--", "sh", "-c", "cat <&3"});
        return received.status == 0;
      }));
      CHECK(received.out == "once");
      CHECK(sender.wait().status == 0);
      CHECK(run_scm({"recv", where, "--type", type}).status == 1);
      CHECK(::access((folder / "socket").c_str(), F_OK) != 0);
    }
  }
}

TEST_CASE("a sender that has ended says who it was, even to a receiver that asks only afterwards") {
  const temporary_folder folder;
  file_with(folder / "file", "");
  auto ends = seqpacket::pair().value();
  REQUIRE(run_scm({"send", "fd:40", folder / "file"}, {{ends.first.fd(), 40}}).status == 0);
  REQUIRE(ends.second.set(receive_item::credentials, true));
  std::array<char, 64> room;
  const auto got = ends.second.receive(room, 1);
  REQUIRE(got);
  REQUIRE(got->sender);
  CHECK(got->sender->pid > 0);
  CHECK(got->sender->pid != ::getpid());
  CHECK(got->sender->uid == ::getuid());
  CHECK(std::string_view{room.data(), got->size} == "file\n");
}

TEST_CASE("an inherited socket of any type is used as it is, at both ends") {
  const temporary_folder folder;
  file_with(folder / "file", "content");
  const auto check = [&](auto ends) {
    CHECK(run_scm({"send", "fd:40", folder / "file"}, {{ends->first.fd(), 40}}).status == 0);
    const auto received = run_scm({"recv", "fd:40", "--", "sh", "-c", "cat <&3"}, {{ends->second.fd(), 40}});
    CHECK(received.out == "content");
    CHECK(received.status == 0);
    // It was not made for the program alone: who it belongs to finds it as it was.
    CHECK((::fcntl(ends->second.fd().native_handle(), F_GETFL) & O_NONBLOCK) == 0);
    int on = -1;
    socklen_t size = sizeof on;
    ::getsockopt(ends->second.fd().native_handle(), SOL_SOCKET, SO_PASSCRED, &on, &size);
    CHECK(on == 0);
  };
  check(seqpacket::pair());
  check(stream::pair());
  check(datagram::pair());
}

TEST_CASE("an inherited listening socket is accepted from") {
  const temporary_folder folder;
  file_with(folder / "file", "content");
  const auto where = abstract_address();
  auto listening = listener<seqpacket>::bind(address::parse(where).value());
  running_program receiver{scm_words({"recv", "fd:40", "--listen", "--", "sh", "-c", "cat <&3"}),
                           {{listening->fd(), 40}}};
  CHECK(run_scm({"send", where, folder / "file"}).status == 0);
  CHECK(receiver.wait().out == "content");
}

TEST_CASE("send --fd sends what the program was started with, and says which it was") {
  witness given;
  const auto end = given.give();
  const auto where = abstract_address();
  const auto listening = listener<seqpacket>::bind(address::parse(where).value());
  REQUIRE(run_scm({"send", where, "--fd", "40", "--fd", "41"}, {{end.get(), 40}, {end.get(), 41}}).status == 0);
  auto channel = const_cast<listener<seqpacket>&>(*listening).accept();
  std::array<char, 64> room;
  const auto got = channel->receive(room, 2);
  REQUIRE(got);
  CHECK(given.is(got->descriptors[0]));
  CHECK(given.is(got->descriptors[1]));
  CHECK(std::string_view{room.data(), got->size} == "fd:40\nfd:41\n");
}

TEST_CASE("send --fd PID:N sends a descriptor of another process") {
  const temporary_folder folder;
  const auto file = file_with(folder / "file", "of a process");
  const running_program holder{{"sleep", "60"}, {{file.get(), 17}}};
  const auto where = abstract_address();
  running_program receiver{scm_words({"recv", where, "--listen", "--", "sh", "-c", "cat /dev/fd/3"})};
  REQUIRE(somebody_listens(where));
  const auto pid = std::to_string(holder.pid());
  const auto sent = run_scm({"send", where, "--fd", pid + ":17"});
  if (contains(sent.err, "Operation not permitted")) SCM_SKIP("this user may not trace its processes");
  CHECK(sent.status == 0);
  CHECK(receiver.wait().out == "of a process");
  CHECK(contains(run_scm({"send", where, "--fd", pid + ":99"}).err, "cannot fetch descriptor 99 of process " + pid));
}

TEST_CASE("files are opened for reading, with --write for both, and a name in brackets is a name") {
  const temporary_folder folder;
  file_with(folder / "[a,b]", "x");
  const auto where = abstract_address();
  auto listening = listener<seqpacket>::bind(address::parse(where).value());
  const auto access_of_sent = [&](std::vector<std::string> words) {
    const auto sent = running_program{{"sh", "-c", "cd '" + folder.path() + "' && exec \"$@\"", "sh", SCM_PROGRAM,
                                       "send", where, "[a,b]", words.empty() ? "--text=x" : words.front()}}
                          .wait();
    INFO(sent.err);
    CHECK(sent.status == 0);
    std::array<char, 64> room;
    auto channel = listening->accept();
    const auto got = channel->receive(room, 1);
    return got ? ::fcntl(got->descriptors[0].native_handle(), F_GETFL) & O_ACCMODE : -1;
  };
  CHECK(access_of_sent({}) == O_RDONLY);
  CHECK(access_of_sent({"--write"}) == O_RDWR);
}

TEST_CASE("send --text and --data are the bytes of the message") {
  const temporary_folder folder;
  const auto bytes = random_bytes(300'000);  // over the default SO_SNDBUF, under what it can be raised to
  file_with(folder / "bytes", bytes);
  const auto where = abstract_address();
  auto listening = listener<seqpacket>::bind(address::parse(where).value());
  std::string room(1 << 20, '\0');
  const auto sent_bytes = [&](std::vector<std::string> words, std::string_view input = {}) {
    words.insert(words.begin(), {"send", where});
    running_program sender{scm_words(words), {}, input};
    auto channel = listening->accept(in(std::chrono::seconds{10}));
    const auto got = channel->receive(room, 0, {.until = in(std::chrono::seconds{10})});
    CHECK(sender.wait().status == 0);
    return got ? room.substr(0, got->size) : got.error().code.message();
  };
  CHECK(sent_bytes({"--text", "[a,b]"}) == "[a,b]");
  CHECK(sent_bytes({"--data", "-"}, "from standard input") == "from standard input");
  CHECK((sent_bytes({"--data", folder / "bytes"}) == bytes));
}

TEST_CASE(
    "recv --count takes that many messages, from as many senders as it takes, and passes over those that send "
    "nothing") {
  const temporary_folder folder;
  file_with(folder / "a", "a");
  file_with(folder / "b", "b");
  for (const auto& type : types) {
    const auto where = abstract_address();
    running_program receiver{
        scm_words({"recv", where, "--type", type, "--listen", "--count", "3", "--", "sh", "-c", "cat <&3"})};
    REQUIRE(somebody_listens(where, type));
    for (const auto* const name : {"a", "b"})
      CHECK(run_scm({"send", where, "--type", type, folder / name}).status == 0);
    REQUIRE(somebody_listens(where, type));
    CHECK(run_scm({"send", where, "--type", type, folder / "a"}).status == 0);
    const auto received = receiver.wait();
    CHECK(received.out == "aba");
    CHECK(received.status == 0);
  }
}

TEST_CASE("recv --count 0 ends when the other side does") {
  auto ends = seqpacket::pair().value();
  running_program receiver{scm_words({"recv", "fd:40", "--count", "0"}), {{ends.second.fd(), 40}}};
  for (int i = 0; i != 5; ++i) REQUIRE(ends.first.send("x"));
  REQUIRE(ends.first.shutdown_send());
  const auto received = receiver.wait();
  CHECK(contains(received.out, "message 5: "));
  CHECK(received.status == 0);
}
