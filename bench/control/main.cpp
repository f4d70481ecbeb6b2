/// What a control server costs next to a bare epoll loop in C that echoes lines after the same look at credentials and
/// pidfd: round trips of clients that wait for each answer, and lines that are sent many at a time. Side by side, in
/// turn; and what an idle connection takes.
/// usage: scm_bench_control [ROUNDS [MILLISECONDS]]
#include "echo_loop.h"

#include <scm/channel.hpp>
#include <scm/service.hpp>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <poll.h>

namespace {

using std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "scm_bench_control: %s failed\n", what);
  std::exit(1);
}

double median(std::vector<double> all) {
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  return *middle;
}

constexpr std::string_view line = "ping\n";

scm::address name_of(const char* what) {
  return scm::address::abstract("scm-bench-" + std::to_string(::getpid()) + '-' + what).value();
}

// A process that serves until it is killed.
class server {
 public:
  template <class Serve>
  explicit server(Serve serve) : pid_{::fork()} {
    if (pid_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    serve();
    ::_exit(1);
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

scm::listener<scm::stream> listening(const scm::address& at) {
  auto options = scm::control_server::listening_options();
  auto made = scm::listener<scm::stream>::bind(at, options);
  if (!made) fail("bind");
  return std::move(*made);
}

void serve(scm::listener<scm::stream>&& at) {
  scm::control_options options;
  options.access.uids = {::getuid()};
  options.limits.connections = options.limits.connections_per_uid = options.limits.unauthenticated = 100'000;
  auto made = scm::control_server::make(std::move(at), options);
  if (made) (void)made->run();
}

std::vector<scm::stream> connected(const scm::address& to, std::size_t count) {
  std::vector<scm::stream> all;
  while (all.size() != count) {
    auto made = scm::stream::connect(to);
    if (!made) fail("connect");
    all.push_back(std::move(*made));
  }
  return all;
}

// Lines answered a second, each client having `depth` of them on the way.
double lines_per_second(std::vector<scm::stream>& clients, std::size_t depth, std::chrono::milliseconds within) {
  std::string request;
  for (std::size_t i = 0; i != depth; ++i) request += line;
  const std::size_t whole = request.size();  // PONG is as long as ping, and so are their answers
  std::array<char, 65536> room;
  std::vector<pollfd> wait;
  std::vector<std::size_t> due(clients.size(), whole);
  for (auto& client : clients) {
    wait.push_back({client.fd().native_handle(), POLLIN, 0});
    if (!client.send(request)) fail("send");
  }
  std::size_t answered = 0;
  const auto start = steady_clock::now();
  const auto end = start + within;
  std::size_t waiting = clients.size();
  while (waiting != 0) {
    if (::poll(wait.data(), wait.size(), 5'000) <= 0) fail("poll");
    const bool more = steady_clock::now() < end;
    for (std::size_t i = 0; i != wait.size(); ++i) {
      if (wait[i].revents == 0) continue;
      const auto got = clients[i].try_receive(room, 0);
      if (!got) fail("receive");
      due[i] -= got->size;
      if (due[i] != 0) continue;
      answered += depth;
      due[i] = whole;
      if (more) {
        if (!clients[i].send(request)) fail("send");
      } else {
        wait[i].fd = -1;
        --waiting;
      }
    }
  }
  return static_cast<double>(answered) / std::chrono::duration<double>(steady_clock::now() - start).count();
}

long resident_kilobytes(pid_t process) {
  std::ifstream lines{"/proc/" + std::to_string(process) + "/status"};
  for (std::string one; std::getline(lines, one);) {
    if (one.starts_with("RssAnon:")) return std::atol(one.c_str() + 8);
  }
  fail("reading /proc");
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 15;
  const std::chrono::milliseconds within{argc > 2 ? std::atoi(argv[2]) : 100};
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);

  const scm::address bare_at = name_of("bare");
  const scm::address full_at = name_of("full");
  auto bare_door = listening(bare_at);
  auto full_door = listening(full_at);
  const server bare{[&] { scm_bench_echo_lines(bare_door.fd().native_handle(), ::getuid()); }};
  const server full{[&] { serve(std::move(full_door)); }};

  for (const std::size_t depth : {std::size_t{1}, std::size_t{16}}) {
    for (const std::size_t clients : {std::size_t{1}, std::size_t{16}}) {
      auto to_bare = connected(bare_at, clients);
      auto to_full = connected(full_at, clients);
      std::vector<double> bare_rates;
      std::vector<double> full_rates;
      std::vector<double> shares;
      for (int i = 0; i < rounds; ++i) {
        bare_rates.push_back(lines_per_second(to_bare, depth, within));
        full_rates.push_back(lines_per_second(to_full, depth, within));
        shares.push_back(full_rates.back() / bare_rates.back());
      }
      if (shares.empty()) fail("counting to the number of rounds");
      std::printf(
          "%2zu clients, %2zu lines at a time: bare loop %7.0f lines/s, control server %7.0f lines/s (%.2f of it)\n",
          clients, depth, median(bare_rates), median(full_rates), median(shares));
    }
  }

  const long before = resident_kilobytes(full.pid());
  constexpr std::size_t idle = 1000;
  auto silent = connected(full_at, idle);
  std::array<char, 16> room;
  for (auto& one : silent) {
    if (!one.send(line) || !one.receive(room, 0)) fail("an idle connection");
  }
  std::printf("%zu idle connections: %.0f bytes of memory for each\n", idle,
              1024.0 * static_cast<double>(resident_kilobytes(full.pid()) - before) / static_cast<double>(idle));
}
