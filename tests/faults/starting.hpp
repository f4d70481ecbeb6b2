// Scenarios: programs that are started, waited for and let go of, and descriptors that a program takes over.
#pragma once

#include "faults/use.hpp"

#include <scm/process.hpp>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace scm::test {

// Kills and reaps what a fault kept the library from killing or reaping.
inline void bury_children(borrowed_fd pidfd = borrowed_fd{-1}) {
  if (pidfd) ::syscall(SYS_pidfd_send_signal, pidfd.native_handle(), SIGKILL, nullptr, 0);
  while (::waitpid(-1, nullptr, __WALL) > 0) {
  }
}

// An open file at a number of its own for as long as it lives; what was there before comes back.
class occupied_number {
 public:
  occupied_number(int number, int flags) : number_{number} {
    flags_ = ::fcntl(number, F_GETFD);
    if (flags_ >= 0) before_.reset(::fcntl(number, F_DUPFD_CLOEXEC, 100));
    const owned_fd file{::fcntl(something().native_handle(), F_DUPFD_CLOEXEC, 100)};
    REQUIRE(::dup3(file.native_handle(), number, flags) == number);
  }
  occupied_number(const occupied_number&) = delete;
  occupied_number& operator=(const occupied_number&) = delete;
  ~occupied_number() {
    if (flags_ < 0) {
      ::close(number_);
    } else {
      ::dup3(before_.native_handle(), number_, (flags_ & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0);
    }
  }

 private:
  int number_;
  int flags_;
  owned_fd before_;
};

inline std::error_code system_error(int number) { return {number, std::system_category()}; }

// Everything that can be asked of a start, of a program that is there or is not.
inline scenario starting(bool there) {
  scenario made{std::string{"spawn with everything, of a program that is "} + (there ? "there" : "missing"), {}};
  made.run = [there](const ordeal& under) {
    // 3 is in its target's way, and 9 in nobody's.
    const occupied_number low{3, O_CLOEXEC}, high{9, O_CLOEXEC};
    const owned_fd folder{::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
    const owned_fd output = something();
    spawn_options options{.program = there ? "bin/true" : "bin/no such program",
                          .directory_fd = folder,
                          .directory = ".",
                          .input = standard_stream::null(),
                          .output = output,
                          .descriptors = {{"high", borrowed_fd{9}}, {"low", borrowed_fd{3}}},
                          .limits = {{RLIMIT_CORE, 0, 0}},
                          .no_new_privileges = true,
                          .parent_death_signal = SIGKILL};
    if (::geteuid() == 0) options.as = run_as{.user = 0, .group = 0};
    std::optional<child> started;
    const auto code = under([&] { return keep(started, spawn(options)); });
    CHECK(started.has_value() == !code);
    if (started) CHECK(started->wait().value().succeeded());
    bury_children();
    sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    CHECK(::sigismember(&blocked, SIGTERM) == 0);
    return code;
  };
  for (const int number : {EINVAL, ENOMEM, ENOSYS, EPERM, EIO}) {  // a descriptor that stays open is no small matter
    made.exceptions.push_back({answers(system_error(number)), sys::call::close_range, {}, number});
  }
  made.exceptions.push_back({unmoved, sys::call::rt_sigprocmask, {}, {}, 3});  // putting the mask back
  made.exceptions.push_back({unmoved, sys::call::fcntl, F_GETFD, EBADF, 4});   // a closed stream is null
  made.exceptions.push_back({answers(system_error(EMFILE)), sys::call::fcntl, F_DUPFD, EINVAL});
  for (const int word : {PR_GET_DUMPABLE, PR_SET_DUMPABLE}) {  // then this process stays as it was made by the start
    made.exceptions.push_back({unmoved, sys::call::prctl, word});
  }
  if (!there) made.exceptions.push_back({unmoved, sys::call::waitid});
  return made;
}

// A filter that lets everything through has a listener all the same.
inline scenario starting_watched(call_watcher by) {
  const bool listener = by == call_watcher::listener;
  scenario made{std::string{"spawn of a program that is watched by a "} + (listener ? "listener" : "tracer"), {}};
  made.run = [by](const ordeal& under) {
    static constexpr sock_filter everything[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    std::optional<watched_child> started;
    const auto code = under([&] {
      return keep(started, spawn_watched({.program = "/bin/true",
                                          .input = standard_stream::null(),
                                          .output = standard_stream::null(),
                                          .error = standard_stream::null(),
                                          .no_new_privileges = true},
                                         everything, by));
    });
    CHECK(started.has_value() == !code);
    started.reset();
    bury_children();
    return code;
  };
  for (const int number : {EINVAL, ENOMEM, ENOSYS, EPERM, EIO}) {
    made.exceptions.push_back({answers(system_error(number)), sys::call::close_range, {}, number});
  }
  made.exceptions.push_back({unmoved, sys::call::rt_sigprocmask, {}, {}, 3});
  return made;
}

inline scenario waiting_for_a_child(waits how) {
  scenario made{"waiting for a child " + name_of(how), {}, how};
  made.run = [how](const ordeal& under) {
    auto one = spawn({.program = "/bin/true"}).value();
    const owned_fd pidfd{::fcntl(one.pidfd().native_handle(), F_DUPFD_CLOEXEC, 0)};
    pollfd ended{pidfd.native_handle(), POLLIN, 0};
    ::poll(&ended, 1, -1);
    const auto code = under([&] { return code_of(one.wait(deadline_of(how))); });
    CHECK(one.wait().value().succeeded());  // a wait that failed has reaped nobody
    return code;
  };
  return made;
}

inline scenario signalling_a_child() {
  return {"signalling a child", [](const ordeal& under) {
            auto one = spawn({.program = "/bin/sleep", .arguments = {"1000"}}).value();
            return under([&] { return code_of(one.signal(SIGCONT)); });
          }};
}

inline scenario letting_go_of_a_child() {
  scenario made{"letting go of a child", [](const ordeal& under) {
                  std::optional one{spawn({.program = "/bin/sleep", .arguments = {"1000"}}).value()};
                  const owned_fd pidfd{::fcntl(one->pidfd().native_handle(), F_DUPFD_CLOEXEC, 0)};
                  const auto code = under([&]() -> std::error_code {
                    one.reset();
                    return {};
                  });
                  bury_children(pidfd);
                  return code;
                }};
  // It is gone as far as can be; ESRCH is what an ended one says, which this one is not.
  made.exceptions = {{cannot_be, sys::call::pidfd_send_signal, {}, ESRCH}, {unmoved}};
  return made;
}

inline scenario taking_over_what_was_passed() {
  return {"taking over what was passed", [](const ordeal& under) {
            const occupied_number first{3, 0}, second{4, 0};
            ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
            ::setenv("LISTEN_FDS", "2", 1);
            ::setenv("LISTEN_FDNAMES", "a:b", 1);
            std::optional<inherited> all;
            const auto code = under([&] { return keep(all, inherited::from_environment()); });
            CHECK(std::getenv("LISTEN_FDS") == nullptr);
            if (all) {
              CHECK(all->take("b"));
              CHECK(::fcntl(3, F_GETFD) == FD_CLOEXEC);
            } else if (!under.lasting) {
              CHECK(::fcntl(3, F_GETFD) < 0);
              CHECK(::fcntl(4, F_GETFD) < 0);
            }
            return code;
          }};
}

inline scenario forbidding_dumps() {
  return {"forbidding to be dumped", [](const ordeal& under) {
            const auto code = under([] { return code_of(forbid_dumping()); });
            ::prctl(PR_SET_DUMPABLE, 1);
            return code;
          }};
}

inline std::vector<scenario> scenarios_of_starting() {
  std::vector<scenario> all{starting(true), starting(false), starting_watched(call_watcher::listener),
                            starting_watched(call_watcher::tracer)};
  for (const waits how : {waits::forever, waits::until_deadline, waits::never}) all.push_back(waiting_for_a_child(how));
  all.insert(all.end(),
             {signalling_a_child(), letting_go_of_a_child(), taking_over_what_was_passed(), forbidding_dumps()});
  return all;
}

}  // namespace scm::test
