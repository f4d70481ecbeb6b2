#include "cli/interruption.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <string_view>

namespace scm::cli {
namespace {

constexpr std::array interruptions{SIGINT, SIGTERM, SIGHUP};

// What the handler may touch: plain memory that is written with interruptions held, and lock-free atomics.
struct doomed_file {
  std::array<char, limits::address_bytes + 1> path;
  std::array<char, limits::address_bytes + 8> lock;  // empty: there is none
  dev_t device;
  ino_t inode;
};
doomed_file doomed{};
std::atomic<bool> armed{false};
std::atomic<pid_t> recipient{0};
std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<pid_t>::is_always_lock_free);

sigset_t mask_at_start{};
struct sigaction pipe_at_start{};

sigset_t interruption_set() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : interruptions) sigaddset(&set, number);
  return set;
}

void remove_doomed() noexcept {
  if (!armed.exchange(false)) return;
  struct stat status{};
  if (::lstat(doomed.path.data(), &status) != 0) return;
  // Somebody may have put another socket there: only the one that was bound is removed.
  if (status.st_dev != doomed.device || status.st_ino != doomed.inode) return;
  ::unlink(doomed.path.data());
  if (doomed.lock[0] != '\0') ::unlink(doomed.lock.data());
}

// Async-signal-safe throughout (signal-safety(7)).
void on_interruption(int number, siginfo_t* info, void*) noexcept {
  const int saved = errno;
  if (const pid_t child = recipient.load(); child > 0) {
    interrupted = true;
    if (info->si_code <= 0) ::kill(child, number);  // SI_USER and its kin; what the terminal sends is SI_KERNEL
    errno = saved;
    return;
  }
  remove_doomed();
  ::signal(number, SIG_DFL);
  ::raise(number);  // blocked until the handler returns
  errno = saved;
}

}  // namespace

void handle_interruptions() noexcept {
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_at_start);
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &pipe_at_start);

  struct sigaction handle{};
  handle.sa_sigaction = on_interruption;
  handle.sa_flags = SA_SIGINFO | SA_RESTART;
  handle.sa_mask = interruption_set();
  for (const int number : interruptions) {
    struct sigaction before{};
    ::sigaction(number, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(number, &handle, nullptr);  // nohup(1) means it
  }
}

interruptions_held::interruptions_held() noexcept {
  const sigset_t set = interruption_set();
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
}
interruptions_held::~interruptions_held() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void remove_when_interrupted(const socket_file& file, const address& at, bool locked) noexcept {
  struct stat status{};
  if (!file.handle() || ::fstat(file.handle().native_handle(), &status) != 0) return;
  doomed = {};
  const auto path = at.name();
  path.copy(doomed.path.data(), doomed.path.size() - 1);
  if (locked) {
    constexpr std::string_view suffix = ".lock";  // socket_file's, a part of its contract
    path.copy(doomed.lock.data(), limits::address_bytes);
    suffix.copy(doomed.lock.data() + path.size(), suffix.size());
  }
  doomed.device = status.st_dev;
  doomed.inode = status.st_ino;
  armed = true;
}

void keep_when_interrupted() noexcept { armed = false; }

void interruptions_go_to(pid_t child) noexcept { recipient = child; }

bool was_interrupted() noexcept { return interrupted; }

void restore_signals() noexcept {
  for (const int number : interruptions) {
    struct sigaction now{};
    ::sigaction(number, nullptr, &now);
    if (now.sa_handler != SIG_IGN) ::signal(number, SIG_DFL);
  }
  ::sigaction(SIGPIPE, &pipe_at_start, nullptr);
  ::pthread_sigmask(SIG_SETMASK, &mask_at_start, nullptr);
}

}  // namespace scm::cli
