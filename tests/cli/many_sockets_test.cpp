// `scm sockets` on 20,000 sockets, next to ss(8): the same sockets, and how long it takes.
#include "cli/run_program.hpp"
#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

using namespace scm;
using namespace scm::test;

namespace {

constexpr const char* ss = "/usr/bin/ss";

bool bound(int socket, const std::string& at) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  at.copy(name.sun_path, sizeof name.sun_path);
  if (at.front() == '@') name.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + at.size());
  return ::bind(socket, reinterpret_cast<const sockaddr*>(&name), size) == 0;
}
bool connected(int socket, int to) {
  sockaddr_un name{};
  socklen_t size = sizeof name;
  return ::getsockname(to, reinterpret_cast<sockaddr*>(&name), &size) == 0 &&
         ::connect(socket, reinterpret_cast<const sockaddr*>(&name), size) == 0;
}

// Eight sockets, which live as long as the process: two pairs, a datagram socket with a name and one connected to it, a
// listener at a path and one that it has not accepted.
bool eight_sockets(const std::string& folder, const std::string& name) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || ::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0) {
    return false;
  }
  const int datagrams = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  const int sender = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  const int client = ::socket(AF_UNIX, SOCK_STREAM, 0);
  return bound(datagrams, "@scm-" + name) && connected(sender, datagrams) && bound(listener, folder + '/' + name) &&
         ::listen(listener, 5) == 0 && connected(client, listener);
}

// Processes that have 20,000 sockets together, in a network namespace where there are no others.
class crowd {
 public:
  static constexpr std::size_t size = 20'000;

  crowd() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const std::size_t most = static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_max, size + 100) - 100) / 8;
    for (std::size_t left = size / 8; left != 0;) {
      const std::size_t share = std::min(most, left);
      if (share == 0 || !add(share, limit.rlim_max)) return;
      left -= share;
    }
    ready_ = true;
  }

  // Not where no namespace may be made.
  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] std::set<pid_t> processes() const {
    std::set<pid_t> out;
    for (const auto& one : holders_) out.insert(one->pid());
    return out;
  }
  // What a program has to say about them: its standard output.
  [[nodiscard]] std::string said_by(const std::vector<std::string>& words) const {
    const owned_fd out = made(::memfd_create("out", MFD_CLOEXEC));
    REQUIRE(run(words, out) == 0);
    return content_of(out);
  }
  // Its exit status.
  [[nodiscard]] int run(const std::vector<std::string>& words, borrowed_fd out) const {
    std::vector<char*> argv;
    for (const auto& one : words) argv.push_back(const_cast<char*>(one.c_str()));
    argv.push_back(nullptr);
    child program{[&] {
      ::alarm(60);
      if (enter()) {
        ::dup2(out.native_handle(), 1);
        ::execv(argv[0], argv.data());
      }
      return false;
    }};
    const int status = program.wait();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  // In a child.
  [[nodiscard]] bool enter() const {
    const std::string where = "/proc/" + std::to_string(holders_.front()->pid()) + "/ns/net";
    const owned_fd there{::open(where.c_str(), O_RDONLY | O_CLOEXEC)};
    return ::setns(there.native_handle(), CLONE_NEWNET) == 0;
  }
  bool add(std::size_t share, rlim_t limit) {
    int ready[2];
    REQUIRE(::pipe2(ready, O_CLOEXEC) == 0);
    const owned_fd answers{ready[0]};
    owned_fd answer{ready[1]};
    const bool first = holders_.empty();
    holders_.push_back(std::make_unique<child>([&] {
      const rlimit all{limit, limit};
      bool good = first ? ::unshare(CLONE_NEWNET) == 0 : enter();
      good = good && ::setrlimit(RLIMIT_NOFILE, &all) == 0;
      for (std::size_t i = 0; good && i != share; ++i) {
        good = eight_sockets(folder_.path(), std::to_string(::getpid()) + '-' + std::to_string(i));
      }
      if (good && ::write(answer.native_handle(), "y", 1) == 1) ::pause();
      return true;
    }));
    answer.reset();  // so that a child that ends is an end of file
    char byte{};
    return ::read(answers.native_handle(), &byte, 1) == 1;
  }

  temporary_folder folder_;
  std::vector<std::unique_ptr<child>> holders_;
  bool ready_ = false;
};

// Inode, state, address, inode of the peer.
using entries = std::set<std::tuple<std::uint64_t, std::string, std::string, std::uint64_t>>;

entries of_ss(const std::string& text) {
  entries out;
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string type, state, receive, send, address, inode, peer_address, peer;
    words >> type >> state >> receive >> send >> address >> inode >> peer_address >> peer;
    out.emplace(std::stoull(inode), state, address, std::stoull(peer));
  }
  return out;
}

}  // namespace

TEST_CASE("of 20,000 sockets each is listed as ss lists it, with its holder", "[cli][no-valgrind]") {
  if (::access(ss, X_OK) != 0) SCM_SKIP("ss is not installed");
  const crowd all;
  if (!all.ready()) SCM_SKIP("no network namespace may be made here, or not as many sockets");
  const auto processes = all.processes();
  entries ours;
  std::size_t waiting = 0;
  for (const auto& one : nlohmann::json::parse(all.said_by({SCM_PROGRAM, "sockets", "--json"}))) {
    const std::string word = one.at("state");
    const std::string state = word == "connected" ? "ESTAB" : word == "listening" ? "LISTEN" : "UNCONN";
    const auto& peer = one.at("peer");
    ours.emplace(one.at("inode"), state, one.at("address").is_null() ? "*" : one.at("address").get<std::string>(),
                 peer.is_null() ? 0 : peer.at("inode").get<std::uint64_t>());
    REQUIRE(one.at("holders").size() == 1);
    CHECK(processes.contains(one.at("holders")[0].at("pid")));
    CHECK(one.at("holders")[0].at("fds").size() == 1);
    waiting += one.value("waiting", 0U);
  }
  CHECK(ours.size() == crowd::size);
  CHECK(waiting == crowd::size / 8);
  const entries theirs = of_ss(all.said_by({ss, "-xaH"}));
  CHECK((ours == theirs));
}

// Not part of the suite, which holds nobody to a time.
TEST_CASE("how long 20,000 sockets take, next to ss", "[.][measure]") {
  const crowd all;
  REQUIRE(all.ready());
  const owned_fd null = opened("/dev/null", O_WRONLY);
  const std::vector<std::vector<std::string>> programs{
      {ss, "-xap"}, {SCM_PROGRAM, "sockets"}, {SCM_PROGRAM, "sockets", "--json"}};
  std::vector<std::vector<double>> times(programs.size());
  constexpr std::size_t rounds = 15;
  for (std::size_t round = 0; round != rounds; ++round) {  // in turn, so that what else goes on is everybody's
    for (std::size_t i = 0; i != programs.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      REQUIRE(all.run(programs[i], null) == 0);
      times[i].push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
  }
  for (std::size_t i = 0; i != programs.size(); ++i) {
    std::ranges::sort(times[i]);
    std::string words;
    for (const auto& word : programs[i]) words += word.substr(word.rfind('/') + 1) + ' ';
    std::printf("%-22s %7.1f ms, %.2f of ss (median of %zu)\n", words.c_str(), times[i][rounds / 2],
                times[i][rounds / 2] / times[0][rounds / 2], rounds);
  }
}
