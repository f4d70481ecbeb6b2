// examples/privsep keeps its promises, to clients, about its worker, and against both.
#include "examples/privsep_daemon.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

#include <algorithm>
#include <random>

using namespace scm;
using test::privsep_client;
using test::privsep_daemon;
using namespace std::chrono_literals;

namespace {

void kill_worker(const privsep_daemon& daemon) {
  pid_t worker = 0;
  REQUIRE(test::eventually([&] { return (worker = daemon.worker()) != 0; }));
  ::kill(worker, SIGKILL);  // at worst a zombie: its monitor alone reaps it, and starts another afterwards
  REQUIRE(test::eventually([&] { return daemon.worker() != worker; }));
}

}  // namespace

TEST_CASE("a client gets what the policy hands on, open for reading, and is refused all else", "[privsep]") {
  const privsep_daemon daemon;
  auto client = daemon.client();
  CHECK(client.get("motd") == "be kind");
  CHECK(client.get("prices") == "1,2");
  for (const char* const name : {"journal", "journal.log", "prices.csv", "../motd", "/etc/passwd", "Motd", "."}) {
    CHECK(client.get(name) == "refused");
  }
  CHECK(client.get("motd") == "be kind");
}

TEST_CASE("two clients do not share the offset of the file they both have", "[privsep]") {
  const privsep_daemon daemon;
  std::vector<owned_fd> files;
  for (int i = 0; i != 2; ++i) {
    auto client = daemon.client();
    CHECK(client.next() == "ready");
    REQUIRE(client.channel.send("get 1 motd"));
    std::array<char, 16> room;
    files.push_back(client.channel.receive(room, 1, {.until = test::soon()}).value().descriptors.take(0));
  }
  char byte = 0;
  CHECK(::read(files[0].native_handle(), &byte, 1) == 1);
  CHECK(::lseek(files[1].native_handle(), 0, SEEK_CUR) == 0);
}

TEST_CASE("what lies in the place of a file is refused if it is none, and waits for nobody", "[privsep]") {
  const privsep_daemon daemon;
  std::filesystem::remove(daemon.folder / "motd");
  std::filesystem::remove(daemon.folder / "prices.csv");
  REQUIRE(::mkfifo((daemon.folder / "motd").c_str(), 0600) == 0);
  std::filesystem::create_symlink("/etc/passwd", daemon.folder / "prices.csv");
  auto client = daemon.client();
  CHECK(client.get("motd") == "refused");
  CHECK(client.get("prices") == "refused");
}

TEST_CASE("the worker has no rights, and no descriptors but those it was given", "[privsep]") {
  privsep_daemon daemon;
  auto client = daemon.client();
  CHECK(client.get("motd") == "be kind");
  const pid_t worker = daemon.worker();
  if (::geteuid() == 0) {
    CHECK(test::status_of(worker, "Uid") == "65534\t65534\t65534\t65534");
    CHECK(test::status_of(worker, "Gid") == "65534\t65534\t65534\t65534");
    CHECK(test::status_of(worker, "Groups").empty());
  }
  for (const char* const set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    CHECK(test::status_of(worker, set) == "0000000000000000");
  }
  CHECK(test::status_of(worker, "NoNewPrivs") == "1");
  CHECK(test::status_of(worker, "Seccomp") == "2");
  if (::geteuid() != 0) SCM_SKIP("only root sees the descriptors of a process that forbids dumps");
  const auto journal = std::filesystem::canonical(daemon.folder / "journal.log").string();
  const std::vector<std::string> given{"0 /dev/null",  "1 /dev/null", "2 /memfd:log (deleted)", "3 socket", "4 socket",
                                       "5 " + journal, "6 socket"};
  // The copy of what it sent is closed a moment later.
  CHECK(test::eventually([&] { return test::descriptors_of(worker) == given; }));
}

TEST_CASE("no client loses its answer, however often the worker is killed", "[privsep]") {
  privsep_daemon daemon;
  auto idle = daemon.client();
  std::atomic<bool> over = false;
  std::atomic<int> answers = 0, losses = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i != 8; ++i) {
    clients.emplace_back([&, i] {
      const bool comes_anew = i % 2 == 0;  // connects for each question: in whatever moment that is
      std::optional<privsep_client> client;
      while (!over) {
        if (comes_anew || !client) client.emplace(daemon.at());
        const bool right = i % 3 == 0 ? client->get("prices") == "1,2" : client->get("motd") == "be kind";
        ++(right ? answers : losses);
      }
    });
  }
  std::minstd_rand random{std::random_device{}()};
  for (int i = 0; i != 16; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds{random() % 20'000});
    kill_worker(daemon);
  }
  const int before = answers;
  CHECK(test::eventually([&] { return answers > before + 100; }));
  over = true;
  for (auto& thread : clients) thread.join();
  CHECK(losses == 0);
  CHECK(idle.get("motd") == "be kind");
}

TEST_CASE("a question is answered by the next worker when none was there to read it", "[privsep]") {
  privsep_daemon daemon;
  auto client = daemon.client();
  CHECK(client.get("motd") == "be kind");
  const pid_t worker = daemon.worker();
  REQUIRE(::kill(worker, SIGSTOP) == 0);
  REQUIRE(client.channel.send("get 9 motd"));
  auto late = daemon.client();
  kill_worker(daemon);
  CHECK(client.next() == "ready");
  CHECK(client.next() == "9 ok");
  CHECK(late.get("prices") == "1,2");
}

TEST_CASE("a user has so many connections and no more, and another user has his own", "[privsep]") {
  privsep_daemon daemon;
  std::vector<privsep_client> many;
  for (int i = 0; i != 40; ++i) many.push_back(daemon.client());
  const auto served = std::ranges::count_if(many, [](auto& client) { return client.get("motd") == "be kind"; });
  CHECK(served == 32);
  if (::geteuid() == 0) {
    test::child other{[&] { return test::become_nobody() && daemon.client().get("motd") == "be kind"; }};
    CHECK(other.succeeded());
  }
  many.clear();  // and whoever leaves makes room
  CHECK(test::eventually([&] { return daemon.client().get("motd") == "be kind"; }));
}

TEST_CASE("a client that never reads is dropped, and keeps nobody waiting", "[privsep]") {
  const privsep_daemon daemon;
  auto silent = daemon.client();
  auto other = daemon.client();
  int asked = 0;
  while (silent.channel.send("get 1 motd", {}, {.until = test::soon()})) {
    if (++asked % 8 == 0) CHECK(other.get("motd") == "be kind");
  }
  CHECK(asked < 5000);
  std::string last;
  int unread = 0;
  while ((last = silent.next()) == "ready" || last == "1 ok") ++unread;
  CHECK(unread < 100);
  CHECK(other.get("motd") == "be kind");
}

TEST_CASE("a client that reads late is not dropped for what new workers have told it meanwhile", "[privsep]") {
  privsep_daemon daemon;
  auto silent = daemon.client();
  while (silent.channel.send("get 1 motd", {}, {.until = test::soon()})) {
  }
  int room = 0;
  for (auto heard = silent.next(); heard == "ready" || heard == "1 ok"; heard = silent.next()) ++room;

  auto late = daemon.client();
  const auto given = [&] { return test::count_of("\n", daemon.content("journal.log")); };
  const auto before = given();
  for (int i = 0; i != room - 3; ++i) REQUIRE(late.channel.send("get x motd", {}, {.until = test::soon()}));
  CHECK(test::eventually([&] { return given() == before + static_cast<std::size_t>(room) - 3; }));
  for (int i = 0; i != 6; ++i) {
    kill_worker(daemon);
    CHECK(daemon.client().get("motd") == "be kind");  // by one that has told all who were there before
  }
  CHECK(late.get("prices") == "1,2");
  CHECK(late.get("motd") == "be kind");
}

TEST_CASE("what is no question ends the connection of whoever sent it alone", "[privsep]") {
  const privsep_daemon daemon;
  auto other = daemon.client();
  CHECK(other.get("motd") == "be kind");
  for (const std::string text :
       {"get", "get ", "get 1", "get 1 ", "get  motd", "get 1 motd 2", "GET 1 motd", "put 1 motd",
        "get 12345678901234567 motd", "get 1 motd\n", "get 1 m\x1b[2J", "ready"}) {
    auto client = daemon.client();
    CHECK(client.next() == "ready");
    REQUIRE(client.channel.send(text));
    CHECK(client.next() == test::at_its_end);
  }
  auto large = daemon.client();
  CHECK(large.next() == "ready");
  REQUIRE(large.channel.send(std::string(60000, ' ')));
  CHECK(large.next() == test::at_its_end);
  CHECK(other.get("motd") == "be kind");
  CHECK(daemon.log().empty());
}

TEST_CASE("descriptors that a client sends are not taken", "[privsep]") {
  const privsep_daemon daemon;
  auto client = daemon.client();
  CHECK(client.get("motd") == "be kind");
  const auto same = [&, worker = daemon.worker()] { return test::descriptors_of(worker).size() == 7; };
  if (::geteuid() == 0) CHECK(test::eventually(same));  // the copy of what it sent is closed a moment later
  const owned_fd null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
  const std::vector<borrowed_fd> many(253, null.get());
  if (client.channel.send("get 1 motd", many)) {
    CHECK(client.next() == test::at_its_end);  // before Linux 6.16
  } else {
    CHECK(client.get("motd") == "be kind");
    if (::geteuid() == 0) CHECK(test::eventually(same));
  }
}

TEST_CASE("SIGTERM ends the daemon, and leaves no process, no socket and no client waiting", "[privsep]") {
  privsep_daemon daemon;
  auto client = daemon.client();
  CHECK(client.get("motd") == "be kind");
  const pid_t worker = daemon.worker();
  CHECK(daemon.end() == exit_status{.code = 0});
  CHECK(::kill(worker, 0) != 0);
  CHECK(client.next() == test::at_its_end);
  CHECK_FALSE(std::filesystem::exists(daemon.folder / "socket"));
  CHECK_FALSE(std::filesystem::exists(daemon.folder / "socket.lock"));
  CHECK(daemon.log().empty());
}

TEST_CASE("a worker does not outlive a monitor that is killed, and the next monitor can begin", "[privsep]") {
  privsep_daemon daemon;
  CHECK(daemon.client().get("motd") == "be kind");
  const pid_t worker = daemon.worker();
  REQUIRE(daemon.process.signal(SIGKILL));
  CHECK(daemon.process.wait(test::soon()).value().signal == SIGKILL);
  CHECK(test::eventually([&] {
    const auto state = test::status_of(worker, "State");
    return state == "?" || state.starts_with("Z");
  }));
  daemon.start();
  CHECK(daemon.client().get("motd") == "be kind");
}

TEST_CASE("a worker that would rather live on does not outlive a monitor that is killed either", "[privsep]") {
  privsep_daemon daemon{"names"};
  CHECK_FALSE(daemon.client().next().empty());
  const pid_t worker = daemon.worker();
  REQUIRE(daemon.process.signal(SIGKILL));
  CHECK(daemon.process.wait(test::soon()).value().signal == SIGKILL);
  CHECK(test::eventually([&] {
    const auto state = test::status_of(worker, "State");
    return state == "?" || state.starts_with("Z");
  }));
}

TEST_CASE("a socket that the daemon is started with keeps clients from before, between and after", "[privsep]") {
  test::temporary_folder folder;
  const auto at = address::path(folder / "activated").value();
  const auto made = listener<seqpacket>::bind(at).value();
  privsep_client before{at};
  privsep_daemon daemon{{}, {{"listener", made.fd()}}};
  CHECK(before.get("motd") == "be kind");
  CHECK(daemon.end().succeeded());
  privsep_client between{at};
  daemon.start({{"listener", made.fd()}});
  CHECK(between.get("motd") == "be kind");
  CHECK(privsep_client{at}.get("motd") == "be kind");
  CHECK_FALSE(std::filesystem::exists(daemon.folder / "socket"));
}

TEST_CASE("a worker that is not itself gets what the policy names and nothing else", "[privsep]") {
  privsep_daemon daemon{"names"};
  CHECK(daemon.client().next() == "n0 n0 n0 n0 n0 n0 n0 n0 n0 n0 n0 y1 ");
}

TEST_CASE("a worker that sends descriptors leaves none of them with its monitor", "[privsep]") {
  privsep_daemon daemon{"descriptors"};
  auto client = daemon.client();
  if (::geteuid() != 0) SCM_SKIP("only root sees the descriptors of a process that forbids dumps");
  if (client.next() == "forbidden forbidden ") CHECK(daemon.log().empty());
  CHECK(test::descriptors_of(daemon.process.pid()).size() < 16);
}

TEST_CASE("a worker that does not keep to what was agreed is replaced, and its monitor is as before", "[privsep]") {
  const std::string attack = GENERATE("flood", "long", "empty", "slot", "far-slot", "half-slot", "hang-up", "die");
  CAPTURE(attack);
  privsep_daemon daemon{attack};
  auto client = daemon.client();
  CHECK(test::eventually([&] { return test::count_of("privsep: worker ", daemon.log()) >= 3; }));
  if (::geteuid() == 0) CHECK(test::descriptors_of(daemon.process.pid()).size() < 16);
  CHECK(daemon.end() == exit_status{.code = 0});
  const auto last = client.next();
  CHECK((last == test::at_its_end || last == test::reset));
}

TEST_CASE("a worker that dies again and again is started less and less often", "[privsep]") {
  privsep_daemon daemon{"die"};
  std::this_thread::sleep_for(1500ms);
  CHECK(daemon.end().succeeded());
  CHECK(test::count_of("privsep: worker ", daemon.log()) < 10);  // 20, 40, 80, 160, 320, then 500 ms between them
}
