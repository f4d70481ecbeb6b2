// Clients that mean harm do not make others wait: 99 of 100 answers come within ten times of what they take in quiet.
#include "service/served.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/sanitized.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

using namespace scm;
using namespace scm::test;
using namespace std::chrono_literals;

namespace {

constexpr uid_t crowd = 1'000'000'003;

// Where users are mapped the crowd is another; else it is this one, with the same limits.
void become_the_crowd() {
  if (::geteuid() != 0 || ::setgroups(0, nullptr) != 0) return;
  if (::setresgid(crowd, crowd, crowd) == 0) (void)!::setresuid(crowd, crowd, crowd);
}

void all_descriptors() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
  ::setrlimit(RLIMIT_NOFILE, &files);
}

double p99_of(control_client& client) {
  std::vector<double> all;
  for (int i = 0; i != 300; ++i) {
    const auto start = std::chrono::steady_clock::now();
    if (client.ask("ping") != "PONG") return 1e9;
    all.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  const auto place = all.begin() + 297;
  std::nth_element(all.begin(), place, all.end());
  return *place;
}

// How many times longer it takes while `harm` is done: the median of rounds, each next to one in quiet. `harm` says
// when it has begun, and goes on until it is killed.
double times_longer(const control_options& given, rlim_t files,
                    const std::function<void(const address&, stream&)>& harm) {
  control_options options = given;
  options.access.uids = {::getuid(), crowd};
  const address at = fresh_name();
  auto door = listener<stream>::bind(at, control_server::listening_options()).value();
  child serving{[&] {
    all_descriptors();
    if (files != 0) {
      const rlimit few{files, files};
      ::setrlimit(RLIMIT_NOFILE, &few);
    }
    auto server = control_server::make(std::move(door), options);
    const auto verbose = [](control_request&) {
      control_answer answer;
      answer.text.assign(9000, 'x');
      return answer;
    };
    return server && server->handle("long", verbose) && server->run();
  }};
  control_client client{at};
  REQUIRE(client.ask("ping") == "PONG");
  std::vector<double> ratios;
  for (int round = 0; round != 5; ++round) {
    const double quiet = p99_of(client);
    auto [ready, tell] = stream::pair().value();
    child doing{[&] {
      all_descriptors();
      become_the_crowd();
      harm(at, tell);
      return true;
    }};
    std::array<char, 1> one;
    (void)std::move(tell).release();
    if (!ready.receive(one, 0, {.until = patience()})) return 1e9;
    ratios.push_back(p99_of(client) / quiet);
    doing.kill();
  }
  CHECK(client.ask("ping") == "PONG");
  serving.kill();
  std::ranges::sort(ratios);
  return ratios[ratios.size() / 2];
}

// With a sanitizer it is the sanitizer that is measured, by and large.
constexpr double most_times = SCM_SANITIZED ? 20 : 10;

// A machine that is busy with something else, which can last, has six attempts.
bool nobody_waits(const control_options& options, rlim_t files,
                  const std::function<void(const address&, stream&)>& harm) {
  for (int attempt = 0; attempt != 6; ++attempt) {
    const double times = times_longer(options, files, harm);
    UNSCOPED_INFO("99 of 100 answers came within " << times << " times of what they take in quiet");
    if (times < most_times) return true;
  }
  return false;
}

void begun(stream& tell) { (void)tell.send("x"); }

control_options generous() {
  control_options options;
  options.limits.connections = options.limits.connections_per_uid = options.limits.unauthenticated = 3000;
  return options;
}

}  // namespace

TEST_CASE("a thousand idle connections do not slow anybody", "[flood][alone][no-valgrind]") {
  CHECK(nobody_waits(generous(), 0, [](const address& at, stream& tell) {
    std::vector<control_client> idle;
    for (int i = 0; i != 1000; ++i) {
      idle.emplace_back(at);
      if (i % 2 == 0 && idle.back().ask("ping") != "PONG") return;  // half of them are known
    }
    begun(tell);
    ::pause();
  }));
}

TEST_CASE("a flood of descriptors until the table is full does not slow anybody", "[flood][alone][no-valgrind]") {
  control_options options = generous();
  options.limits.descriptors_per_uid = 100'000;
  CHECK(nobody_waits(options, 200, [](const address& at, stream& tell) {
    const owned_fd file = scratch_file();
    const std::vector<borrowed_fd> many(16, file.get());
    std::vector<control_client> holding;
    for (int i = 0;; ++i) {
      holding.emplace_back(at);
      (void)holding.back().say("unfinished", many);
      if (i == 40) begun(tell);
      if (holding.size() == 100) holding.clear();
    }
  }));
}

TEST_CASE("readers that never read do not slow anybody", "[flood][alone][no-valgrind]") {
  CHECK(nobody_waits(generous(), 0, [](const address& at, stream& tell) {
    for (int i = 0;; ++i) {
      control_client lazy{at};
      while (lazy.socket().send("long\nlong\nlong\nlong\n", {}, {.until = in(1s)})) {
      }
      if (i == 2) begun(tell);
    }
  }));
}

TEST_CASE("many clients that say one byte at a time do not slow anybody", "[flood][alone][no-valgrind]") {
  CHECK(nobody_waits(generous(), 0, [](const address& at, stream& tell) {
    std::vector<control_client> slow;
    for (int i = 0; i != 200; ++i) slow.emplace_back(at);
    begun(tell);
    for (std::size_t i = 0;; i = (i + 1) % slow.size()) {
      (void)slow[i].say("p");  // each about once a second
      std::this_thread::sleep_for(5ms);
    }
  }));
}

TEST_CASE("a flood of commands on many connections does not slow anybody beyond their share",
          "[flood][alone][no-valgrind]") {
  CHECK(nobody_waits(generous(), 0, [](const address& at, stream& tell) {
    std::string lines;
    for (int i = 0; i != 200; ++i) lines += "ping\n";
    std::vector<control_client> busy;
    for (int i = 0; i != 32; ++i) busy.emplace_back(at);
    begun(tell);
    for (;;) {
      for (auto& one : busy) (void)one.say(lines);
      for (auto& one : busy) (void)one.hear_bytes(lines.size());
    }
  }));
}

TEST_CASE("a flood of connections does not slow anybody", "[flood][alone][no-valgrind]") {
  CHECK(nobody_waits({}, 0, [](const address& at, stream& tell) {
    begun(tell);
    for (;;) {
      if (auto one = stream::connect(at, patience())) (void)one->send("ping\n");
    }
  }));
}
