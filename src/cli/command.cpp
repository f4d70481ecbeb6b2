#include "cli/command.hpp"

#include "cli/interruption.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>
#include <vector>

namespace scm::cli {
namespace {

constexpr int first_number = 3;  // SD_LISTEN_FDS_START of sd_listen_fds(3)

/// Closes everything but 0, 1, 2 and `kept`.
bool close_all_but(std::vector<int> kept) noexcept {
  std::ranges::sort(kept);
  unsigned from = first_number;
  for (const int number : kept) {
    const auto next = static_cast<unsigned>(number);
    if (next > from && ::close_range(from, next - 1, 0) != 0) return false;
    from = next + 1;
  }
  return ::close_range(from, UINT_MAX, 0) == 0;
}

/// Moves the descriptors `sources` to 3 and up, in order. They, and `report`, may sit on each other's places: who
/// stands where another belongs changes places with it, by way of one free slot, which closing everything else has
/// made.
bool arrange(std::vector<int>& sources, int& report) noexcept {
  const int behind = first_number + static_cast<int>(sources.size());
  for (std::size_t i = 0; i != sources.size(); ++i) {
    const int place = first_number + static_cast<int>(i);
    const int from = std::exchange(sources[i], place);
    if (from != place) {
      auto other = std::find(sources.begin() + static_cast<std::ptrdiff_t>(i) + 1, sources.end(), place);
      int* const holder = other != sources.end() ? &*other : report == place ? &report : nullptr;
      const int spare = holder != nullptr ? ::fcntl(place, F_DUPFD_CLOEXEC, behind) : -1;
      if (holder != nullptr && spare < 0) return false;
      if (::dup3(from, place, O_CLOEXEC) < 0) return false;
      if (holder == nullptr) {
        ::close(from);
      } else {
        if (::dup3(spare, from, O_CLOEXEC) < 0) return false;
        ::close(spare);
        *holder = from;
      }
    }
    if (::fcntl(place, F_SETFD, 0) != 0) return false;
  }
  return true;
}

std::vector<char*> arguments_of(std::span<const std::string> words) {
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));  // execvp(3) writes nothing
  arguments.push_back(nullptr);
  return arguments;
}

std::vector<int> numbers_of(std::span<const borrowed_fd> descriptors) {
  std::vector<int> numbers;
  for (const borrowed_fd one : descriptors) numbers.push_back(one.native_handle());
  return numbers;
}

/// Places the descriptors, with `report` kept open beside them, and says in the environment what they are.
bool prepare(std::vector<int> sources, const std::string& names, int& report) {
  std::vector<int> kept = sources;
  if (report >= 0) kept.push_back(report);
  if (!close_all_but(std::move(kept)) || !arrange(sources, report)) return false;
  const std::string count = std::to_string(sources.size());
  // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread
  return ::setenv("SCM_FDS", count.c_str(), 1) == 0 && ::setenv("LISTEN_FDS", count.c_str(), 1) == 0 &&
         ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1) == 0 &&
         // Without names of ours those of other descriptors go, if we were socket-activated ourselves.
         (names.empty() ? ::unsetenv("LISTEN_FDNAMES") : ::setenv("LISTEN_FDNAMES", names.c_str(), 1)) == 0;
  // NOLINTEND(concurrency-mt-unsafe)
}

/// The child: becomes the command, or writes errno to `report` and ends.
[[noreturn]] void become(const std::vector<char*>& words, std::vector<int> sources, std::size_t payload_bytes,
                         int report) {
  const auto ready = [&]() noexcept {  // out of memory: the child aborts, and that is the status
    const std::string bytes = std::to_string(payload_bytes);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): a forked child has one thread
    return prepare(std::move(sources), {}, report) && ::setenv("SCM_PAYLOAD_BYTES", bytes.c_str(), 1) == 0;
  };
  int error = 0;
  if (ready()) {
    restore_signals();
    ::execvp(words.front(), words.data());
  }
  error = errno;
  static_cast<void>(!::write(report, &error, sizeof error));
  ::_exit(127);
}

int not_run(std::string_view doing, int error) {
  complain(failed(step::other, doing, os_code(error)).error().text);
  return error == ENOENT ? 127 : 126;
}

int wait_for(pid_t child) noexcept {
  // Signals go to the child until it has ended, and no longer than its number is its own.
  siginfo_t ended{};
  while (::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  interruptions_go_to(0);
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return exit_failure;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

outcome<int> run_command(std::span<const std::string> words, descriptor_list& descriptors, std::size_t payload_bytes) {
  const std::string doing = "run " + shown(words.front());
  const auto arguments = arguments_of(words);
  auto sources = numbers_of(descriptors.view());

  // The child's end closes when execve(2) succeeds: end of file without a word is success.
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(step::other, doing, os_code(errno));
  const owned_fd listen{ends[0]};
  owned_fd report{ends[1]};

  pid_t child = -1;
  {
    const interruptions_held held;  // the child must not act on them with our handler, nor we before we know the child
    child = ::fork();
    if (child == 0) become(arguments, std::move(sources), payload_bytes, report.native_handle());
    if (child < 0) return failed(step::other, doing, os_code(errno));
    interruptions_go_to(child);
  }
  report.reset();
  descriptors.clear();

  int error = 0;
  ssize_t told = 0;
  do told = ::read(listen.native_handle(), &error, sizeof error);
  while (told < 0 && errno == EINTR);
  const int status = wait_for(child);
  if (told <= 0) return status;
  return not_run(doing, error);
}

int become_command(std::span<const std::string> words, std::span<const borrowed_fd> descriptors,
                   const std::string& name) {
  const auto arguments = arguments_of(words);
  std::string names;
  for (std::size_t i = 0; i != descriptors.size(); ++i) names += (i == 0 ? "" : ":") + name;
  int nothing = -1;
  if (prepare(numbers_of(descriptors), names, nothing)) {
    restore_signals();
    ::execvp(arguments.front(), arguments.data());
  }
  return not_run("run " + shown(words.front()), errno);
}

}  // namespace scm::cli
