// `scm serve` and `scm ctl`: what is stored by one program is had by another, whoever of them, and of the brokers,
// ends.
#include "cli/running_program.hpp"
#include "support/catch.hpp"
#include "support/sanitized.hpp"
#include "support/temporary_folder.hpp"
#include "support/witness.hpp"

#include <scm/channel.hpp>
#include <scm/process/notify.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

using namespace scm;
using namespace scm::test;

namespace {

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

ended ctl(const std::string& at, std::vector<std::string> words, std::vector<handed> descriptors = {},
          std::string_view input = {}) {
  words.insert(words.begin(), {"ctl", at});
  return run_scm(std::move(words), std::move(descriptors), input);
}

// Programs that are confined cannot be looked through for leaks when they end: that takes ptrace(2).
struct ends_unsearched {
  ends_unsearched() {
    if (SCM_SANITIZED) ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
  }
};

// A broker that serves already.
class broker {
 public:
  explicit broker(std::string at, std::vector<std::string> more = {})
      : at_{std::move(at)}, program_{words(at_, std::move(more))} {
    REQUIRE(eventually([&] { return ctl(at_, {"ping"}).status == 0; }));
  }
  running_program& program() { return program_; }
  const std::string& at() const { return at_; }

 private:
  static std::vector<std::string> words(const std::string& at, std::vector<std::string> more) {
    more.insert(more.begin(), {"serve", at});
    return scm_words(std::move(more));
  }

  std::string at_;
  running_program program_;
};

constexpr int patient = 10'000;  // milliseconds

// What was written to the pipe.
std::string text_of(const witness& pipe) {
  std::string bytes(64, '\0');
  const ssize_t size = ::read(pipe.watched().native_handle(), bytes.data(), bytes.size());
  return bytes.substr(0, size < 0 ? 0 : static_cast<std::size_t>(size));
}

}  // namespace

TEST_CASE("what one program stores another fetches, and becomes a third with it") {
  const ends_unsearched programs;
  const temporary_folder folder;
  broker with{folder / "broker"};
  witness pipe;
  const auto stored = ctl(with.at(), {"store", "out", "--fd", "5"}, {{pipe.lent(), 5}});
  CHECK(stored.status == 0);
  CHECK(stored.out == "{\"stored\":\"out\",\"descriptors\":1}\n");
  (void)pipe.give();
  running_program third{scm_words(
      {"ctl", with.at(), "fetch", "out", "--", "sh", "-c", "echo $$ $LISTEN_PID $LISTEN_FDS $LISTEN_FDNAMES >&3"})};
  const auto pid = std::to_string(third.pid());
  CHECK(third.wait().status == 0);
  CHECK(text_of(pipe) == pid + " " + pid + " 1 out\n");
  CHECK(ctl(with.at(), {"drop", "out"}).status == 0);
  CHECK(pipe.closed_within(patient));
  const auto gone = ctl(with.at(), {"fetch", "out", "--", "true"});
  CHECK(gone.status == 1);
  CHECK(contains(gone.out, "\"err\":2"));
}

TEST_CASE("files, descriptors and sockets that it makes go with one line") {
  const ends_unsearched programs;
  const temporary_folder folder;
  broker with{folder / "broker"};
  (void)file_with(folder / "file", "content");
  CHECK(ctl(with.at(), {"store", "all", "--file", folder / "file", "--listen", folder / "socket"}).status == 0);
  CHECK(ctl(with.at(), {"fetch", "all", "--", "sh", "-c", "cat <&3"}).out == "content");
  auto waiting = stream::connect(address::parse(folder / "socket").value(), dont_wait);
  CHECK(waiting);  // although no program has the socket but the broker
  CHECK(ctl(with.at(), {"store", "port", "--listen", "127.0.0.1:0"}).status == 0);
  CHECK(ctl(with.at(), {"store", "port", "--listen", "nowhere"}).status == 1);
  CHECK(ctl(with.at(), {"fetch", "all", "--", "/no/such/program"}).status == 127);
  CHECK(ctl(with.at(), {"store"}).status == 1);
  CHECK(ctl(with.at(), {"store", "a b"}).status == 2);
  CHECK(ctl(with.at(), {"--file", folder / "file"}).status == 2);
  CHECK(ctl(folder / "nobody", {"list"}).status == 1);
}

TEST_CASE("lines of standard input are a session") {
  const ends_unsearched programs;
  const temporary_folder folder;
  broker with{folder / "broker"};
  witness pipe;
  CHECK(ctl(with.at(), {"store", "out", "--fd", "5"}, {{pipe.lent(), 5}}).status == 0);
  const auto good = ctl(with.at(), {}, {}, "ping\nlist\n");
  CHECK(good.status == 0);
  CHECK(contains(good.out, "PONG"));
  CHECK(contains(good.out, "\"name\":\"out\""));
  const auto bad = ctl(with.at(), {}, {}, "fetch none\nping");
  CHECK(bad.status == 1);
  CHECK(contains(bad.out, "PONG"));
}

TEST_CASE("an expiring entry goes with the program that stored it, and no sooner") {
  const ends_unsearched programs;
  const temporary_folder folder;
  broker with{folder / "broker"};
  witness pipe;
  const auto stored = ctl(with.at(), {"store", "out", "expiring", "--fd", "5"}, {{pipe.lent(), 5}});
  if (contains(stored.out, "\"err\":95")) return;  // before Linux 6.5
  CHECK(stored.status == 0);
  (void)pipe.give();
  CHECK(pipe.closed_within(patient));
  CHECK(ctl(with.at(), {"fetch", "out"}).status == 1);

  witness other;
  running_program keeper{scm_words({"ctl", with.at(), "store", "out", "expiring", "--fd", "5", "--", "sleep", "1000"}),
                         {{other.lent(), 5}}};
  (void)other.give();
  CHECK(eventually([&] { return ctl(with.at(), {"fetch", "out"}).status == 0; }));
  keeper.signal(SIGKILL);
  keeper.wait();
  CHECK(ctl(with.at(), {"fetch", "out"}).status == 1);
  CHECK(other.closed_within(patient));
}

TEST_CASE("a broker is replaced again and again, and nobody sees a difference") {
  const ends_unsearched programs;
  const temporary_folder folder;
  const auto at = folder / "broker";
  witness pipe;
  std::optional<broker> first{std::in_place, at, std::vector<std::string>{"--replace"}};
  REQUIRE(ctl(at, {"store", "out", "--fd", "5"}, {{pipe.lent(), 5}}).status == 0);
  (void)pipe.give();
  const auto before = ctl(at, {"list"}).out;
  std::optional<running_program> last;
  for (int i = 0; i != 5; ++i) {
    std::optional<running_program> next{std::in_place, scm_words({"serve", "--take-over", at})};
    const auto old = (last ? *last : first->program()).wait();
    CHECK(old.status == 0);
    CHECK(old.err.empty());
    CHECK(ctl(at, {"list"}).out == before);
    last.emplace(scm_words({"serve", "--take-over", at}));
    CHECK(next->wait().status == 0);
  }
  CHECK(ctl(at, {"fetch", "out", "--", "sh", "-c", "echo here >&3"}).status == 0);
  CHECK(text_of(pipe) == "here\n");
  CHECK(is_there(at + ".lock"));
  CHECK(run_scm({"serve", at, "--replace"}).status == 1);  // it is locked as it was
  last->signal(SIGTERM);
  CHECK(last->wait().status == 0);
  CHECK(pipe.closed_within(patient));
  CHECK(!is_there(at));
  CHECK(!is_there(at + ".lock"));
}

TEST_CASE("nobody takes over what is none, or another's") {
  const ends_unsearched programs;
  const temporary_folder folder;
  CHECK(run_scm({"serve", "--take-over", folder / "nobody"}).status == 1);
  broker with{folder / "broker"};
  CHECK(ctl(with.at(), {"--server-uid", "12345", "list"}).status == 1);
  if (::getuid() != 0) return;
  // Root believes nobody whom it was not told to believe.
  const auto where = folder / "squatted";
  running_program squatter{{"setpriv", "--reuid", "12345", "--clear-groups", "--", SCM_PROGRAM, "serve",
                            "@squatted-" + std::to_string(::getpid())}};
  const auto at = "@squatted-" + std::to_string(::getpid());
  if (!eventually([&] { return ctl(at, {"ping"}).status == 0; })) return;
  const auto refused = run_scm({"serve", "--take-over", at});
  CHECK(refused.status == 1);
  CHECK(contains(refused.err, "another user answers"));
  CHECK(ctl(at, {"ping"}).status == 0);
  CHECK(ctl(at, {"--server-uid", "12345", "ping"}).status == 0);
  squatter.signal(SIGTERM);
  squatter.wait();
}

TEST_CASE("who started it is told when it serves, and a socket that it was started with is served at") {
  const ends_unsearched programs;
  const temporary_folder folder;
  auto manager = notify_socket::bind(address::path(folder / "notify").value()).value();
  auto door = listener<stream>::bind(address::path(folder / "broker").value()).value();
  running_program program{{"env", "NOTIFY_SOCKET=" + folder / "notify", SCM_PROGRAM, "serve", "fd:3"},
                          {{door.fd(), 3}}};
  const auto told = manager.receive(in(std::chrono::seconds{20}));
  REQUIRE(told);
  CHECK(told->value("READY") == "1");
  CHECK(told->sender.pid == program.pid());
  CHECK(ctl(folder / "broker", {"ping"}).status == 0);
  for (const int number : {SIGTERM}) program.signal(number);
  CHECK(program.wait().status == 0);
  CHECK(is_there(folder / "broker"));  // it was not its own
}

TEST_CASE("more than fits is refused before anything is served") {
  const ends_unsearched programs;
  const temporary_folder folder;
  const auto refused = run_scm({"serve", folder / "broker", "--store-limit", "1000000000"});
  CHECK(refused.status == 1);
  CHECK(contains(refused.err, "--store-limit"));
  broker with{folder / "other", {"--store-limit", "1"}};
  witness pipe;
  CHECK(ctl(with.at(), {"store", "a", "--fd", "5"}, {{pipe.lent(), 5}}).status == 0);
  const auto full = ctl(with.at(), {"store", "b", "--fd", "5"}, {{pipe.lent(), 5}});
  CHECK(full.status == 1);
  CHECK(contains(full.out, "\"err\":122"));
}
