#include "support/catch.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

#include <scm/service/supervisor.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace scm;
using namespace std::chrono_literals;

namespace {

struct shown {
  int status = -1;
  std::string text;
  supervisor_statistics counted{};
  std::error_code error{};
};

// Runs a program, which is the actor unless it is said, under a supervisor; ends it after two minutes.
class supervised_actor {
 public:
  explicit supervised_actor(std::vector<std::string> arguments, supervisor_options options = {},
                            const char* name = SUPERVISED_ACTOR)
      : output_{::memfd_create("out", MFD_CLOEXEC)} {
    spawn_options program{.program = name, .arguments = std::move(arguments)};
    program.output = output_;
    program.limits = {{RLIMIT_NOFILE, 4096, 4096}};
    program.no_new_privileges = ::geteuid() != 0;
    if (std::getenv("SCM_SHOW") == nullptr) program.error = standard_stream::null();
    auto made = supervisor::start(program, std::move(options));
    REQUIRE(made);
    supervisor_.emplace(std::move(*made));
  }

  supervisor& it() { return *supervisor_; }
  shown run() {
    std::atomic<bool> done = false;
    std::thread patience{[&] {
      for (int i = 0; i != 1200 && !done; ++i) std::this_thread::sleep_for(100ms);
      if (!done) supervisor_->stop();
    }};
    const auto ended = supervisor_->run();
    done = true;
    patience.join();
    shown made;
    made.counted = supervisor_->statistics();
    if (ended) {
      made.status = ended->signal != 0 ? 128 + ended->signal : ended->code;
    } else {
      made.error = ended.error();
    }
    made.text = text();
    return made;
  }
  std::string text() const {
    std::string all(4096, '\0');
    const ssize_t size = ::pread(output_.native_handle(), all.data(), all.size(), 0);
    all.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return all;
  }

 private:
  owned_fd output_;
  std::optional<supervisor> supervisor_;
};

shown run(std::vector<std::string> arguments, supervisor_options options = {}) {
  supervised_actor one{std::move(arguments), std::move(options)};
  return one.run();
}

// As many descriptors as this process may have.
class all_descriptors {
 public:
  all_descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit all = before_;
    all.rlim_cur = std::min<rlim_t>(all.rlim_max, 4096);
    ::setrlimit(RLIMIT_NOFILE, &all);
  }
  ~all_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("descriptors go from a program to itself through its supervisor, over each kind of socket",
          "[supervisor][no-valgrind]") {
  for (const char* type : {"0", "1", "2"}) {
    const shown made = run({"pass", type});
    CHECK(made.status == 0);
    CHECK(made.text == "received 3, flags 0x40000000, close-on-exec 1\n");
    CHECK(made.counted.sends == 1);
    CHECK(made.counted.receives == 1);
    CHECK(made.counted.descriptors_out == 3);
    CHECK(made.counted.descriptors_in == 3);
  }
}

TEST_CASE("a verdict places descriptors at random numbers, and makes them close-on-exec", "[supervisor][no-valgrind]") {
  CHECK(run({"numbers"}).text == "lowest, kept\n");
  message_verdict verdict;
  supervisor_options options;
  options.judge = [&](const supervised_message&) { return verdict; };
  verdict.close_on_exec = true;
  CHECK(run({"numbers"}, options).text == "lowest, close-on-exec\n");
  verdict = {.scattered = true};
  CHECK(run({"numbers"}, options).text == "scattered, kept\n");
}

TEST_CASE("a verdict to kill kills", "[supervisor][no-valgrind]") {
  supervisor_options options;
  options.judge = [](const supervised_message&) { return message_verdict{.what = message_verdict::action::kill}; };
  const shown made = run({"pass"}, options);
  CHECK(made.status == 128 + SIGKILL);
  CHECK(made.counted.sends == 0);
}

TEST_CASE("signals for threads and for a process of many never show the kernel's own numbers",
          "[supervisor][no-valgrind]") {
  const shown made = run({"storm", "300"});
  CHECK(made.status == 0);
  CHECK(made.text == "no number of the kernel's own\n");
  CHECK(made.counted.interrupted > 0);
}

TEST_CASE("an alarm at 1 kHz loses no message and doubles none", "[supervisor][no-valgrind]") {
  const char* const count = std::getenv("SCM_ALARMED");
  const std::string many = count != nullptr ? count : "4000", odd = std::to_string(std::stoi(many) + 1);
  CHECK(run({"alarmed", many}).text == many + " messages, alarmed\n");
  CHECK(run({"alarmed", odd}).text == odd + " messages, alarmed\n");
}

TEST_CASE("a program that waits can be stopped and continued", "[supervisor][no-valgrind]") {
  CHECK(run({"stopped"}).text == "stopped, continued, ended with 0\n");
  CHECK(run({"stopped", "1"}).text == "stopped, continued, ended with 0\n");
}

TEST_CASE("500 calls wait at once", "[supervisor][no-valgrind]") {
  const all_descriptors allowed;
  CHECK(run({"many", "500"}).text == "500 waited, 0 failed\n");
}

TEST_CASE("more calls than may wait fail, and the others are served", "[supervisor][no-valgrind]") {
  supervisor_options options;
  options.pending = 2;
  CHECK(run({"many", "5"}, options).text == "5 waited, 3 failed\n");
}

TEST_CASE("the status flags of a program's sockets are never changed", "[supervisor][no-valgrind]") {
  CHECK(run({"flags"}).text == "0 changes\n");
}

TEST_CASE("a program that is killed at any moment of a call leaves nothing behind", "[supervisor][no-valgrind]") {
  CHECK(run({"killed", "60"}).text == "60 killed\n");
}

TEST_CASE("nothing denied arrives, however the program's memory and table change", "[supervisor][no-valgrind]") {
  const char* const seconds = std::getenv("SCM_RACES");
  supervisor_options options;
  options.judge = [](const supervised_message& message) {
    message_verdict verdict;
    if (message.use == message_use::receive) return verdict;
    bool bad = !message.payload.empty() && message.payload[0] == std::byte{'D'};
    for (const borrowed_fd one : message.descriptors) {
      char link[64] = "";
      const std::string path = "/proc/self/fd/" + std::to_string(one.native_handle());
      bad = bad || ::readlink(path.c_str(), link, sizeof link - 1) < 0 || std::strcmp(link, "/dev/null") == 0;
    }
    if (bad) verdict.what = message_verdict::action::deny;
    return verdict;
  };
  const shown made = run({"races", seconds != nullptr ? seconds : "2"}, options);
  CAPTURE(made.counted.sends, made.counted.receives);
  CHECK(made.text == "some arrived\nreceiver ended with 0\n");
  CHECK(made.counted.denied > 0);
}

TEST_CASE("when a supervisor ends its program is killed, or goes on without it", "[supervisor][no-valgrind]") {
  for (const auto end : {supervision_end::kill, supervision_end::release}) {
    supervisor_options options;
    options.at_end = end;
    supervised_actor one{{"unanswered"}, options};
    std::thread later{[&] {
      for (int i = 0; i != 200 && one.text().empty(); ++i) std::this_thread::sleep_for(20ms);
      one.it().stop();
    }};
    const shown made = one.run();
    later.join();
    if (end == supervision_end::kill) {
      CHECK(made.status == 128 + SIGKILL);
      CHECK(made.text == "waits\n");
    } else {
      CHECK(made.status == -1);
      for (int i = 0; i != 200 && one.text() == "waits\n"; ++i) std::this_thread::sleep_for(20ms);
      CHECK(one.text() == "waits\n-1, errno " + std::to_string(ENOSYS) + "\n");
    }
  }
}

TEST_CASE("receivers see the program where the supervisor has the right to name it, and else the supervisor",
          "[supervisor][no-valgrind]") {
  if (::geteuid() != 0) SCM_SKIP("not root, so with nothing to give up");
  CHECK(run({"whose"}).text == "self, user right\n");
  // As nobody, who may not be able to reach the program where this tree is.
  const int verdict = ::memfd_create("verdict", MFD_CLOEXEC);
  const owned_fd kept{verdict};
  test::child nobody{[&] {
    if (!test::become_nobody()) return false;
    const bool reachable = ::access(SUPERVISED_ACTOR, X_OK) == 0;
    const std::string text = reachable ? run({"whose"}).text + run({"pass"}).text : "out of reach";
    return ::write(verdict, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }};
  REQUIRE(nobody.succeeded());
  std::string text(256, '\0');
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(::pread(verdict, text.data(), text.size(), 0), 0)));
  if (text == "out of reach") SCM_SKIP("nobody cannot reach " SUPERVISED_ACTOR);
  CHECK(text == "supervisor, user right\nreceived 3, flags 0x40000000, close-on-exec 1\n");
}

TEST_CASE("what is done before serving can keep it from serving", "[supervisor][no-valgrind]") {
  supervisor_options options;
  options.before_serving = []() -> result<void> {
    return std::unexpected{std::make_error_code(std::errc::operation_not_permitted)};
  };
  CHECK(run({"pass"}, options).error == std::errc::operation_not_permitted);
}

TEST_CASE("a program that cannot be started is said so", "[supervisor][no-valgrind]") {
  const auto made = supervisor::start({.program = "/nonexistent"}, {});
  REQUIRE_FALSE(made);
  CHECK(made.error().step == spawn_step::execute);
  CHECK(made.error().code == std::errc::no_such_file_or_directory);
}

// What it leaves behind says whether it is still there, as a zombie.
TEST_CASE("a program that has ended is reaped, and what it has started is served on", "[supervisor][no-valgrind]") {
  supervised_actor* self = nullptr;
  std::vector<int> numbers;
  supervisor_options options;
  options.program_ended = [&] { numbers.push_back(::kill(self->it().program().pid(), 0)); };
  supervised_actor under{
      {"-c", "(while [ -d /proc/$$ ]; do sleep 0.01; done; echo reaped) & exit 3"}, options, "/bin/sh"};
  self = &under;
  const auto ended = under.run();
  CHECK(numbers == std::vector<int>{0});  // told once, while it was still its own
  CHECK(ended.status == 3);
  CHECK(ended.text == "reaped\n");
}
