/// What it costs a program that its messages are watched: by a tracer (ptrace(2)), by a listener that lets each call
/// go on (seccomp_unotify(2)), or by a supervisor that carries them out. One byte is sent and received; whoever watches
/// reads each message's header and what it points to. usage: scm_bench_watch [ROUNDS]
#include <scm/core/fd.hpp>
#include <scm/foreign.hpp>
#include <scm/service/supervisor.hpp>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr int calls = 200;  // of one program: short, so that few of them are interrupted

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "scm_bench_watch: %s failed\n", what);
  std::_Exit(1);
}
void need(bool done, const char* what) {
  if (!done) fail(what);
}

// Traps sendmsg and recvmsg. The listener's descriptor, or 0.
int trap(unsigned action, unsigned flags) {
  sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 1, 0),
                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_recvmsg, 0, 1), BPF_STMT(BPF_RET | BPF_K, action),
                        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{static_cast<unsigned short>(std::size(code)), code};
  need(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "prctl");
  const long done = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
  need(done >= 0, "seccomp");
  return static_cast<int>(done);
}

// Microseconds a call: of a send and a receive in turn, and of receives alone.
struct figures {
  double both, receive;
};

// The program that is watched: says at the end how long its calls took.
[[noreturn]] void exchange(int report) {
  int ends[2];
  need(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0, "socketpair");
  char byte = 'x';
  iovec buffer{&byte, 1};
  msghdr message{};
  message.msg_iov = &buffer;
  message.msg_iovlen = 1;
  const auto timed = [](auto body) {
    const auto start = std::chrono::steady_clock::now();
    body();
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    return took.count();
  };
  figures found{};
  found.both = timed([&] {
                 for (int i = 0; i != calls / 2; ++i) {
                   need(::sendmsg(ends[0], &message, 0) == 1, "sendmsg");
                   need(::recvmsg(ends[1], &message, 0) == 1, "recvmsg");
                 }
               }) /
               calls;
  for (int i = 0; i != calls / 2; ++i) need(::sendmsg(ends[0], &message, 0) == 1, "sendmsg");
  found.receive = timed([&] {
                    for (int i = 0; i != calls / 2; ++i) need(::recvmsg(ends[1], &message, 0) == 1, "recvmsg");
                  }) /
                  (calls / 2);
  need(::write(report, &found, sizeof found) == sizeof found, "write");
  std::_Exit(0);
}

void look(pid_t at, std::uint64_t header) {
  scm::process_memory memory{at};
  need(scm::foreign_message::read(memory, header, scm::abi::native, scm::message_use::send).has_value(), "reading");
}

// A program's pipe to here, and the program.
struct watched {
  scm::owned_fd report;
  pid_t pid = -1;

  figures microseconds() const {
    figures each{};
    need(::read(report.native_handle(), &each, sizeof each) == sizeof each, "read");
    return each;
  }
  template <class First>
  static watched start(First first) {
    int ends[2];
    need(::pipe(ends) == 0, "pipe");
    const scm::owned_fd in{ends[1]};
    watched made{scm::owned_fd{ends[0]}};
    made.pid = ::fork();
    need(made.pid >= 0, "fork");
    if (made.pid == 0) {
      first();
      exchange(in.native_handle());
    }
    return made;
  }
};

figures unwatched() {
  const watched program = watched::start([] {});
  need(::waitpid(program.pid, nullptr, 0) == program.pid, "waitpid");
  return program.microseconds();
}

// At the entry of each call; with `result` at its end as well, where its result is known.
figures traced(bool result) {
  const watched program = watched::start([] {
    need(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0, "ptrace");
    ::raise(SIGSTOP);
    trap(SECCOMP_RET_TRACE, 0);
  });
  int status = 0;
  need(::waitpid(program.pid, &status, 0) == program.pid, "waitpid");
  constexpr long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
  need(::ptrace(PTRACE_SETOPTIONS, program.pid, nullptr, options) == 0, "ptrace");
  const auto go_on = [&](bool to_the_end) {
    need(::ptrace(to_the_end ? PTRACE_SYSCALL : PTRACE_CONT, program.pid, nullptr, nullptr) == 0, "ptrace");
  };
  go_on(false);
  while (::waitpid(program.pid, &status, 0) == program.pid && WIFSTOPPED(status)) {
    const bool entry = status >> 8 == (SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
    if (entry || WSTOPSIG(status) == (SIGTRAP | 0x80)) {
      __ptrace_syscall_info call{};
      need(::ptrace(PTRACE_GET_SYSCALL_INFO, program.pid, sizeof call, &call) > 0, "ptrace");
      if (entry) look(program.pid, call.seccomp.args[1]);
    }
    go_on(entry && result);
  }
  return program.microseconds();
}

// Before each call; how it ends is not to be seen.
figures notified() {
  int ends[2];
  need(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
  const scm::owned_fd here{ends[0]}, there{ends[1]};
  const watched program = watched::start([&] {
    const int listener = trap(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
    char go = 0;
    need(::write(there.native_handle(), &listener, sizeof listener) == sizeof listener, "write");
    need(::read(there.native_handle(), &go, 1) == 1, "read");
    ::close(listener);
  });
  int number = -1;
  need(::read(here.native_handle(), &number, sizeof number) == sizeof number, "read");
  const scm::owned_fd process{static_cast<int>(::syscall(SYS_pidfd_open, program.pid, 0))};
  const scm::owned_fd listener{static_cast<int>(::syscall(SYS_pidfd_getfd, process.native_handle(), number, 0))};
  need(static_cast<bool>(listener), "pidfd_getfd");
  constexpr unsigned long set_flags = _IOW('!', 4, std::uint64_t), wake_up_here = 1;  // 6.6; without it only slower
  (void)::ioctl(listener.native_handle(), set_flags, wake_up_here);
  need(::write(here.native_handle(), "g", 1) == 1, "write");
  pollfd set{listener.native_handle(), POLLIN, 0};
  while (::poll(&set, 1, -1) == 1 && (set.revents & POLLIN) != 0) {
    seccomp_notif call{};
    need(::ioctl(set.fd, SECCOMP_IOCTL_NOTIF_RECV, &call) == 0, "ioctl");
    look(static_cast<pid_t>(call.pid), call.data.args[1]);
    need(::ioctl(set.fd, SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) == 0, "ioctl");
    seccomp_notif_resp answer{};
    answer.id = call.id;
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    need(::ioctl(set.fd, SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0, "ioctl");
  }
  need(::waitpid(program.pid, nullptr, 0) == program.pid, "waitpid");
  return program.microseconds();
}

// Each call is made by another process, on a duplicate of the socket.
figures carried_out() {
  int ends[2];
  need(::pipe2(ends, O_CLOEXEC) == 0, "pipe");
  watched program{scm::owned_fd{ends[0]}};
  scm::owned_fd in{ends[1]};
  scm::spawn_options options{.program = "/proc/self/exe", .arguments = {"--exchange"}};
  options.descriptors.push_back({"report", in.get()});
  auto made = scm::supervisor::start(options, {});
  need(made.has_value(), "supervisor::start");
  in.reset();
  need(made->run().has_value(), "supervisor::run");
  return program.microseconds();
}

struct way {
  const char* name;
  figures (*run)();
  std::vector<double> both{}, receive{};
};

double median(std::vector<double>& of) {
  std::ranges::sort(of);
  return of[of.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--exchange") == 0) exchange(3);
  const int rounds = argc > 1 ? std::max(std::atoi(argv[1]), 1) : 200;
  way ways[] = {{"not watched", unwatched},
                {"tracer, entry alone", [] { return traced(false); }},
                {"tracer, entry and result", [] { return traced(true); }},
                {"listener that answers \"continue\"", notified},
                {"supervisor that carries it out", carried_out}};
  for (int i = 0; i != rounds; ++i) {
    for (way& one : ways) {
      const figures took = one.run();
      one.both.push_back(took.both);
      one.receive.push_back(took.receive);
    }
  }
  std::printf("us a call, of %d programs each with %d calls\n%-34s %8s %8s   %s\n", rounds, calls, "", "least",
              "median", "receives alone: least, median");
  for (way& one : ways) {
    const double both = median(one.both), receive = median(one.receive);
    std::printf("%-34s %8.2f %8.2f   %8.2f %8.2f\n", one.name, one.both.front(), both, one.receive.front(), receive);
  }
  const double least = ways[4].receive.front() / ways[3].receive.front();
  const double middle = median(ways[4].receive) / median(ways[3].receive);
  std::printf("a receive carried out / one let go on: %.2f (least), %.2f (median)\n", least, middle);
}
