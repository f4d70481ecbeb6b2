#include "service/tracer_loop.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace scm::inline v0_1 {
namespace {

using detail::os_failure;

constexpr int all_events = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                           PTRACE_O_TRACEEXEC | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL;

std::uintptr_t address_of(void* what) noexcept { return reinterpret_cast<std::uintptr_t>(what); }

// A thread that was killed in its stop is not there to be asked or told anything: its end is reported by itself.
result<void> unless_gone(long done) noexcept {
  if (done < 0 && errno != ESRCH) return os_failure();
  return {};
}
result<void> go_on(pid_t thread, int signal = 0) noexcept {
  return unless_gone(sys::ptrace(PTRACE_CONT, thread, 0, static_cast<std::uintptr_t>(signal)));
}

// Waits for the program alone; how it is now.
result<siginfo_t> wait_for(const child& process, int options) noexcept {
  siginfo_t how{};
  while (sys::waitid(process.pidfd().native_handle(), how, options) != 0) {
    if (errno != EINTR) return os_failure();
  }
  return how;
}

bool has_ended(const siginfo_t& how) noexcept {
  return how.si_code == CLD_EXITED || how.si_code == CLD_KILLED || how.si_code == CLD_DUMPED;
}

bool is_group_stop(int signal) noexcept {
  return signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

// Its number is its own: nobody but us can reap it. More than one way, since its end is waited for.
void kill_process(pid_t process) noexcept {
  const owned_fd handle{sys::pidfd_open(process, 0)};
  if (handle && sys::pidfd_send_signal(handle.native_handle(), SIGKILL) == 0) return;
  (void)sys::tgkill(process, process, SIGKILL);
}

}  // namespace

// A program that asked to be traced (PTRACE_TRACEME) cannot be left stopped: only who was seized can (PTRACE_LISTEN).
// So it is let go once, into a stop in which it executes nothing, taken again, and told to continue.
result<void> tracer::state::seize(child&& process) noexcept {
  const auto trapped = wait_for(process, WSTOPPED | WEXITED | WNOWAIT | __WALL);
  if (!trapped) return std::unexpected{trapped.error()};
  if (has_ended(*trapped)) return os_failure(ESRCH);
  const auto consumed = wait_for(process, WSTOPPED | __WALL);
  if (!consumed) return std::unexpected{consumed.error()};
  if (sys::ptrace(PTRACE_DETACH, process.pid(), 0, SIGSTOP) < 0) return os_failure();
  const auto waiting = wait_for(process, WSTOPPED | WEXITED | WNOWAIT | __WALL);
  if (!waiting) return std::unexpected{waiting.error()};
  if (has_ended(*waiting)) return os_failure(ESRCH);
  if (sys::ptrace(PTRACE_SEIZE, process.pid(), 0, all_events) < 0) return os_failure();
  if (sys::pidfd_send_signal(process.pidfd().native_handle(), SIGCONT) != 0) return os_failure();
  program = process.pid();
  owner = ::getpid();
  over = false;
  (void)process.detach();  // `step` reaps it
  return {};
}

result<bool> tracer::state::step() {
  siginfo_t how{};
  while (sys::waitid_any(how, WEXITED | WSTOPPED | __WALL) != 0) {
    if (errno == EINTR) continue;
    if (errno != ECHILD) return os_failure();
    over = true;
    return false;
  }
  if (has_ended(how)) {
    gone(how);
  } else if (const auto done = stopped(how.si_pid, how.si_status); !done) {
    return std::unexpected{done.error()};
  }
  return true;
}

result<void> tracer::state::stopped(pid_t number, int status) {
  constexpr int call_ends = SIGTRAP | 0x80;  // PTRACE_O_TRACESYSGOOD
  (void)thread(number);                      // known from here on: a stop is reported once, and `end_all` must find it
  const int signal = status & 0xff;
  switch (const int event = status >> 8) {
    case PTRACE_EVENT_SECCOMP:
      return begins(thread(number));
    case PTRACE_EVENT_EXEC:
      executed(thread(number));
      return go_on(number);
    case PTRACE_EVENT_STOP:
      // With the program stopped, it stays so until SIGCONT, as it would without us; or a new thread has its first
      // stop.
      if (is_group_stop(signal)) return unless_gone(sys::ptrace(PTRACE_LISTEN, number, 0, 0));
      return go_on(number);
    case 0:
      if (signal == call_ends) return ends(thread(number));
      return go_on(number, signal);  // with its own siginfo, which nobody has touched
    default:
      (void)event;  // a new process or thread, which has a first stop of its own
      return go_on(number);
  }
}

result<void> tracer::state::begins(traced_thread& by) {
  const pid_t number = by.look.number();
  __ptrace_syscall_info info{};
  if (sys::ptrace(PTRACE_GET_SYSCALL_INFO, number, sizeof info, address_of(&info)) < 0) return unless_gone(-1);
  if (info.op != PTRACE_SYSCALL_INFO_SECCOMP) return go_on(number);
  detail::call_numbers numbers{.machine = info.arch, .number = info.seccomp.nr};
  std::copy_n(std::begin(info.seccomp.args), numbers.arguments.size(), numbers.arguments.begin());
  const auto asked = detail::asked_by(numbers, by.look.memory);
  if (!asked) return go_on(number);
  const bool held_before = by.look.holds();
  by.call = looks.begin(by.look, *asked, name_of(by.look.process()));
  const auto went = unless_gone(sys::ptrace(PTRACE_SYSCALL, number, 0, 0));
  looks.on_its_way(by.look, *by.call);
  if (by.look.holds() && !held_before && ++held > most_held) {
    by.look.let_go();
    --held;
  }
  return went;
}

result<void> tracer::state::ends(traced_thread& by) {
  const pid_t number = by.look.number();
  if (by.call) {
    __ptrace_syscall_info info{};
    if (sys::ptrace(PTRACE_GET_SYSCALL_INFO, number, sizeof info, address_of(&info)) < 0) return unless_gone(-1);
    const bool held_before = by.look.holds();
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
      looks.end(by.look, *by.call, info.exit.rval);
      ready.push_back(std::move(by.call->shown));
      looks.done(std::move(by.call));
    }
    if (by.look.holds() && !held_before) by.look.let_go();
  }
  return go_on(number);
}

void tracer::state::abandon(traced_thread& by) {
  if (!by.call) return;
  looks.abandon(*by.call);
  ready.push_back(std::move(by.call->shown));
  looks.done(std::move(by.call));
}

// Of several threads the one that calls execve(2) is left, with the number of the first.
void tracer::state::executed(traced_thread& by) {
  const pid_t number = by.look.number();
  unsigned long before = 0;
  const bool known = sys::ptrace(PTRACE_GETEVENTMSG, number, 0, address_of(&before)) >= 0;
  const auto other = known ? threads.find(static_cast<pid_t>(before)) : threads.end();
  for (traced_thread* const one : {&by, other == threads.end() ? nullptr : &other->second}) {
    if (one == nullptr) continue;
    abandon(*one);
    held -= one->look.holds() ? 1 : 0;
    one->look.let_go();
  }
  if (other != threads.end() && &other->second != &by) threads.erase(other);
  names.erase(number);
}

void tracer::state::gone(const siginfo_t& how) {
  const pid_t number = how.si_pid;
  if (number == program) {
    ended = how.si_code == CLD_EXITED ? exit_status{.code = how.si_status}
                                      : exit_status{.signal = how.si_status, .core_dumped = how.si_code == CLD_DUMPED};
  }
  names.erase(number);
  const auto found = threads.find(number);
  if (found == threads.end()) return;
  abandon(found->second);
  held -= found->second.look.holds() ? 1 : 0;
  threads.erase(found);
}

tracer::state::traced_thread& tracer::state::thread(pid_t number) {
  return threads.try_emplace(number, number).first->second;
}

const std::string& tracer::state::name_of(pid_t process) {
  const auto [entry, fresh] = names.try_emplace(process);
  if (!fresh) return entry->second;
  const owned_fd file{sys::open(fmt::format("/proc/{}/comm", process).c_str(), O_RDONLY | O_CLOEXEC)};
  std::array<char, 64> text{};
  const ssize_t size = file ? sys::read(file.native_handle(), text.data(), text.size()) : -1;
  if (size > 0) entry->second.assign(text.data(), static_cast<std::size_t>(size));
  if (entry->second.ends_with('\n')) entry->second.pop_back();
  return entry->second;
}

void tracer::state::end_all() noexcept {
  if (over || owner != ::getpid()) return;
  over = true;
  kill_process(program);
  for (auto& [number, one] : threads) kill_process(one.look.process());
  for (;;) {
    siginfo_t how{};
    if (sys::waitid_any(how, WEXITED | WSTOPPED | __WALL) != 0) {
      if (errno != EINTR) return;
    } else if (!has_ended(how)) {
      kill_process(detail::foreign_thread{how.si_pid}.process());  // one that nobody had heard of
    }
  }
}

}  // namespace scm::inline v0_1
