/// The way from clone(2) to execve(2).
///
/// This code runs in a new process that has its descriptors, signal actions, directory and user for itself and shares
/// everything else, memory and errno included, with the thread that made it, which is stopped meanwhile. So there is no
/// allocation, no lock, no destructor, nothing that another thread could be in the middle of; it ends by system call.
#include "process/start.hpp"

#include "core/os_error.hpp"

#include <sys/ptrace.h>

#include <charconv>
#include <cstring>

namespace scm::inline v0_1::detail {
namespace {

struct stop {
  int number = 0;  // errno; 0: none
  spawn_step step{};
  std::size_t position = 0;
};
constexpr stop none{};

stop forbid_new_privileges() noexcept {
  return sys::prctl(PR_SET_NO_NEW_PRIVS, 1) == 0 ? none : stop{errno, spawn_step::no_new_privileges};
}

// First of all, with the maker's rights: without CAP_SYS_ADMIN a filter is for those alone who cannot gain privileges.
stop be_filtered(start& plan) noexcept {
  if (plan.asked->no_new_privileges) {
    if (const stop at = forbid_new_privileges(); at.number != 0) return at;
  }
  const bool listener = plan.watcher == call_watcher::listener;
  const int made = sys::seccomp_filter(
      listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0, *plan.filter);
  if (made < 0) return {errno, spawn_step::filter};
  if (!listener) return none;
  plan.listener = made;
  return sys::unshare(CLONE_FILES) == 0 ? none : stop{errno, spawn_step::filter};
}

// Signals are blocked from before the clone, and no handler of the maker's can run here once they are unblocked.
// Ignored ones are reset as well: execve(2) would hand them down.
stop reset_signals() noexcept {
  constexpr int last = 64;
  for (int number = 1; number <= last; ++number) {
    if (number == SIGKILL || number == SIGSTOP) continue;
    if (sys::reset_signal(number) != 0) return {errno, spawn_step::signals};
  }
  return none;
}

stop enter_directory(const spawn_options& asked) noexcept {
  if (asked.directory_fd.native_handle() != -1 && sys::fchdir(asked.directory_fd.native_handle()) != 0) {
    return {errno, spawn_step::directory};
  }
  if (!asked.directory.empty() && sys::chdir(asked.directory.c_str()) != 0) return {errno, spawn_step::directory};
  return none;
}

// A number above all targets for a descriptor that a target could overwrite. Where the limit of open files leaves no
// such number the kernel says EINVAL, which would be misread.
stop raise(placed_fd& one, int end, bool kept) noexcept {
  if (one.from >= end) return none;
  const int raised = sys::fcntl(one.from, kept ? F_DUPFD_CLOEXEC : F_DUPFD, end);
  if (raised < 0) return {errno == EINVAL ? EMFILE : errno, one.step, one.position};
  one.from = raised;
  return none;
}

// Looks at the descriptors first, so that EBADF is about one that was given, then takes all sources out of the way, and
// only then overwrites what is at the targets. No source is lost, whatever the numbers.
stop place_descriptors(start& plan) noexcept {
  const bool kept = plan.asked->keep_inheritable;  // what is above the targets
  const int end = plan.end_of_targets();
  for (const placed_fd& one : plan.placed) {
    if (sys::fcntl(one.from, F_GETFD) < 0) return {errno, one.step, one.position};
  }
  placed_fd null{-1, 0, spawn_step::streams, 0};
  for (std::size_t i = 0; i != plan.streams.size(); ++i) {
    if (plan.streams[i] == standard_stream::kind::inherited) {
      const int flags = sys::fcntl(static_cast<int>(i), F_GETFD);
      if (flags < 0 && errno != EBADF) return {errno, spawn_step::streams, i};
      if (flags < 0 || (flags & FD_CLOEXEC) != 0) plan.streams[i] = standard_stream::kind::null;
    }
  }
  for (placed_fd& one : plan.placed) {
    if (const stop at = raise(one, end, kept); at.number != 0) return at;
  }
  for (std::size_t i = 0; i != plan.streams.size(); ++i) {
    if (plan.streams[i] != standard_stream::kind::null) continue;
    null.position = i;
    if (null.from < 0) {
      null.from = sys::openat("/dev/null", kept ? O_RDWR | O_CLOEXEC : O_RDWR);
      if (null.from < 0) return {errno, spawn_step::streams, i};
      if (const stop at = raise(null, end, kept); at.number != 0) return at;
    }
    if (sys::dup3(null.from, static_cast<int>(i)) < 0) return {errno, spawn_step::streams, i};
  }
  for (const placed_fd& one : plan.placed) {
    if (sys::dup3(one.from, one.to) < 0) return {errno == EBADF ? EMFILE : errno, one.step, one.position};
  }
  if (!kept && sys::close_range(static_cast<unsigned>(end), ~0U) != 0) return {errno, spawn_step::others};
  return none;
}

// Limits come before the user, who may not raise them, and after the descriptors, which they might not let pass.
stop become(const spawn_options& asked) noexcept {
  for (std::size_t i = 0; i != asked.limits.size(); ++i) {
    const resource_limit& one = asked.limits[i];
    if (sys::setrlimit(one.resource, {one.soft, one.hard}) != 0) return {errno, spawn_step::limits, i};
  }
  if (asked.as) {
    const run_as& as = *asked.as;
    if (sys::setgroups(as.groups.data(), as.groups.size()) != 0) return {errno, spawn_step::groups};
    if (sys::setresgid(as.group) != 0) return {errno, spawn_step::group};
    if (sys::setresuid(as.user) != 0) return {errno, spawn_step::user};
  }
  return none;
}

constexpr int not_started = 127;  // what shells say

// After the user was changed, which takes the signal back. A parent that died before has sent none, and then this
// process has another parent. (0: the parent is in another PID namespace, and whether it lives cannot be told.)
stop die_with(const start& plan) noexcept {
  if (plan.asked->parent_death_signal == 0) return none;
  const auto signal = static_cast<unsigned long>(plan.asked->parent_death_signal);
  if (sys::prctl(PR_SET_PDEATHSIG, signal) != 0) return {errno, spawn_step::parent_death_signal};
  if (const pid_t parent = ::getppid(); parent != 0 && parent != plan.parent) sys::end_process(not_started);
  return none;
}

void write_process_id(start& plan) noexcept {
  char* const first = plan.process_id.data() + std::strlen(plan.process_id.data());
  *std::to_chars(first, plan.process_id.data() + plan.process_id.size() - 1, ::getpid()).ptr = '\0';
}

stop run(start& plan) noexcept {
  const spawn_options& asked = *plan.asked;
  stop at = plan.filter != nullptr ? be_filtered(plan) : none;
  if (at.number == 0) at = reset_signals();
  if (at.number == 0) at = enter_directory(asked);
  if (at.number == 0) at = place_descriptors(plan);
  if (at.number == 0) at = become(asked);
  if (at.number == 0 && asked.no_new_privileges && plan.filter == nullptr) at = forbid_new_privileges();
  if (at.number == 0) at = die_with(plan);
  if (at.number != 0) return at;
  if (plan.filter != nullptr && plan.watcher == call_watcher::tracer && sys::ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) {
    return {errno, spawn_step::trace};
  }
  if (!asked.descriptors.empty()) write_process_id(plan);
  if (sys::signal_mask(0, nullptr) != 0) return {errno, spawn_step::signals};
  sys::execve(asked.program.c_str(), plan.argv.data(), plan.envp.data());
  return {errno, spawn_step::execute};
}

}  // namespace

int start_here(void* argument) noexcept {
  auto& plan = *static_cast<start*>(argument);
  const stop at = run(plan);
  plan.failure = {os_error(at.number), at.step, at.position};
  plan.failed = true;
  sys::end_process(not_started);
}

}  // namespace scm::inline v0_1::detail
