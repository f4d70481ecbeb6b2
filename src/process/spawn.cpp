#include <scm/process/spawn.hpp>

#include "core/os_error.hpp"
#include "process/start.hpp"

#include <array>
#include <new>
#include <utility>

namespace scm::inline v0_1 {
namespace {

using detail::start;

// On the caller's stack, which is stopped: nothing to allocate, and sanitizers know whose memory it is.
constexpr std::size_t stack_bytes = 64 * 1024;

std::unexpected<spawn_error> failure(spawn_step step, std::error_code code) noexcept {
  return std::unexpected{spawn_error{code, step}};
}

// A process that did not get to run a program. Nobody else hears of it, and nobody else can reap it: it has no exit
// signal (clone(2)) until it executes something.
void reap(int pidfd) noexcept {
  siginfo_t how{};
  while (sys::waitid(pidfd, how, WEXITED | __WALL) != 0 && errno == EINTR) {
  }
}

// With signals blocked: a handler that ran in the new process would run on the caller's memory.
[[gnu::noinline]] int clone_with(start& plan, int& pidfd) noexcept {
  alignas(64) std::array<std::byte, stack_bytes> stack;  // not cleared: most of it is never touched
  // A listener is born in the table of whoever is filtered. For that moment it is this process's, too.
  const int shared = plan.filter != nullptr && plan.watcher == call_watcher::listener ? CLONE_FILES : 0;
  return sys::clone(detail::start_here, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | shared, &plan, pidfd);
}

result<child, spawn_error> run(start& plan) noexcept {
  plan.parent = ::getpid();
  sys::signal_set before = 0;
  if (sys::signal_mask(~sys::signal_set{0}, &before) != 0) return failure(spawn_step::signals, detail::os_error());
  // A change of user marks the memory as not to be dumped, nor looked into by the new user, and it is shared. Once the
  // new process has left it that is undone.
  const bool dumpable = plan.asked->as && sys::prctl(PR_GET_DUMPABLE, 0) == 1;
  int pidfd = -1;
  const int pid = clone_with(plan, pidfd);
  const int number = errno;
  if (dumpable) sys::prctl(PR_SET_DUMPABLE, 1);
  sys::restore_signal_mask(before);
  if (pid < 0) return failure(spawn_step::start, detail::os_error(number));
  child made{owned_fd{pidfd}, pid};
  if (plan.failed) {
    const owned_fd ended = made.detach();
    reap(ended.native_handle());
    return std::unexpected{plan.failure};
  }
  return made;
}

result<void, spawn_error> prepare(start& plan, const spawn_options& options) noexcept {
  try {
    return detail::make_ready(plan, options);
  } catch (const std::bad_alloc&) {
    return failure(spawn_step::prepare, std::make_error_code(std::errc::not_enough_memory));
  }
}

}  // namespace

result<child, spawn_error> spawn(const spawn_options& options) noexcept {
  start plan;
  if (auto ready = prepare(plan, options); !ready) return std::unexpected{ready.error()};
  return run(plan);
}

result<watched_child, spawn_error> spawn_watched(const spawn_options& options, std::span<const sock_filter> filter,
                                                 call_watcher by) noexcept {
  start plan;
  if (auto ready = prepare(plan, options); !ready) return std::unexpected{ready.error()};
  if (filter.empty() || filter.size() > BPF_MAXINSNS) {
    return failure(spawn_step::filter, std::make_error_code(std::errc::invalid_argument));
  }
  // The kernel does not write to it.
  const sock_fprog program{static_cast<unsigned short>(filter.size()), const_cast<sock_filter*>(filter.data())};
  plan.filter = &program;
  plan.watcher = by;
  auto started = run(plan);
  owned_fd listener{plan.listener};
  if (!started) return std::unexpected{started.error()};
  return watched_child{std::move(*started), std::move(listener)};
}

std::string_view text_of(spawn_step step) noexcept {
  switch (step) {
    using enum spawn_step;
    case prepare:
      return "preparing to start a program";
    case start:
      return "making a process for it";
    case filter:
      return "filtering its system calls";
    case signals:
      return "setting its signals";
    case directory:
      return "entering its working directory";
    case streams:
      return "giving it its standard streams";
    case descriptors:
      return "giving it its descriptors";
    case others:
      return "closing all other descriptors";
    case limits:
      return "setting its resource limits";
    case groups:
      return "setting its supplementary groups";
    case group:
      return "setting its group";
    case user:
      return "setting its user";
    case no_new_privileges:
      return "forbidding it new privileges";
    case parent_death_signal:
      return "asking for a signal when its parent ends";
    case trace:
      return "asking to be traced";
    case execute:
      return "executing it";
  }
  return "starting a program";
}

}  // namespace scm::inline v0_1
