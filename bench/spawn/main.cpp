/// What starting a program costs next to posix_spawn(3): /bin/true, started and waited for, both ways in turn.
/// usage: scm_bench_spawn [ROUNDS]
#include <scm/process.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <spawn.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using std::chrono::steady_clock;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "scm_bench_spawn: %s failed\n", what);
  std::exit(1);
}

double microseconds_of(auto run) {
  const auto start = steady_clock::now();
  run();
  return std::chrono::duration<double, std::micro>(steady_clock::now() - start).count();
}

double median(std::vector<double> all) {
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  return *middle;
}

void with_posix_spawn() {
  char path[] = "/bin/true";
  char* const arguments[] = {path, nullptr};
  pid_t pid = 0;
  int status = 0;
  if (::posix_spawn(&pid, path, nullptr, nullptr, arguments, environ) != 0) fail("posix_spawn");
  if (::waitpid(pid, &status, 0) != pid || status != 0) fail("waitpid");
}

void with_scm(const scm::spawn_options& options) {
  auto started = scm::spawn(options);
  if (!started) fail("spawn");
  const auto how = started->wait();
  if (!how || !how->succeeded()) fail("wait");
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 2000;
  const scm::owned_fd channel{::dup(2)};
  const scm::spawn_options bare{.program = "/bin/true"};
  scm::spawn_options named{.program = "/bin/true"};
  for (int i = 0; i != 4; ++i) named.descriptors.push_back({"channel", channel});
  std::vector<double> posix, none, four;
  for (int i = 0; i < rounds; ++i) {
    posix.push_back(microseconds_of(with_posix_spawn));
    none.push_back(microseconds_of([&] { with_scm(bare); }));
    four.push_back(microseconds_of([&] { with_scm(named); }));
  }
  if (posix.empty()) fail("counting to the number of rounds");
  std::printf(
      "median of %d, in turn: posix_spawn %.1f us, spawn %.1f us (%.3f of it), with four descriptors %.1f us "
      "(%.3f of it)\n",
      rounds, median(posix), median(none), median(none) / median(posix), median(four), median(four) / median(posix));
}
