// `scm inspect`: own descriptors, other processes' descriptors, and processes that do not make it easy.
#include "cli/run_program.hpp"
#include "support/catch.hpp"
#include "support/kinds.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"
#include "support/temporary_folder.hpp"

#include <linux/io_uring.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

using namespace scm;
using namespace scm::test;
using nlohmann::json;

namespace {

finished inspect(std::vector<std::string> arguments, const std::vector<given>& descriptors = {},
                 const std::function<bool()>& prepare = {}) {
  arguments.insert(arguments.begin(), "inspect");
  return run_program(arguments, descriptors, prepare);
}

json records(std::vector<std::string> arguments, const std::vector<given>& descriptors = {}) {
  arguments.push_back("--json");
  const finished run = inspect(arguments, descriptors);
  INFO(run.err);
  CHECK(run.status == 0);
  return json::parse(run.out);
}

std::vector<int> numbers_of(const json& all) {
  std::vector<int> out;
  for (const auto& one : all) out.push_back(one.at("fd"));
  return out;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// A child that has run `set_up` and then sleeps, and can be looked into.
class looked_into {
 public:
  template <class SetUp>
  explicit looked_into(SetUp set_up) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
    const owned_fd ready{ends[0]};
    owned_fd tell{ends[1]};
    process_.emplace([&] {
      if (!set_up() || ::write(tell.native_handle(), "r", 1) != 1) return false;
      for (;;) ::pause();
    });
    tell.reset();
    char byte = 0;
    if (::read(ready.native_handle(), &byte, 1) != 1) throw std::runtime_error("the child could not be set up");
  }
  child& process() { return *process_; }
  std::string pid() const { return std::to_string(process_->pid()); }

 private:
  std::optional<child> process_;
};

}  // namespace

TEST_CASE("without arguments inspect lists what it was started with, and nothing of its own", "[cli]") {
  const owned_fd file = scratch_file();
  CHECK(numbers_of(records({})) == std::vector{0, 1, 2});
  CHECK(numbers_of(records({}, {{3, file.get()}, {40, file.get()}})) == std::vector{0, 1, 2, 3, 40});
  CHECK(numbers_of(records({}, {{0, borrowed_fd{-1}}})) == std::vector{1, 2});
}

TEST_CASE("a bare number is a descriptor that inspect was started with", "[cli]") {
  const owned_fd memory = made(::memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(memory.native_handle(), 4096) == 0);
  REQUIRE(::fcntl(memory.native_handle(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0);
  for (const char* spelling : {"7", "fd:7"}) {
    const json all = records({spelling}, {{7, memory.get()}});
    REQUIRE(all.size() == 1);
    const json& one = all[0];
    CHECK(one.at("fd") == 7);
    CHECK_FALSE(one.contains("holder"));
    CHECK(one.at("kind") == "memfd");
    CHECK(one.at("name") == "memory");
    CHECK(one.at("access") == "read_write");
    CHECK(one.at("size") == 4096);
    CHECK(one.at("offset") == 0);
    CHECK(one.at("seals") == json{"shrink", "write"});
    CHECK(one.at("close_on_exec") == false);
    CHECK_FALSE(one.contains("path"));
  }
}

TEST_CASE("the table has a line for each descriptor under its titles", "[cli]") {
  const owned_fd file = scratch_file();
  const finished run = inspect({"5", "0"}, {{5, file.get()}});
  CHECK(run.status == 0);
  CHECK(run.err.empty());
  CHECK(run.out.starts_with("FD "));
  CHECK(std::ranges::count(run.out, '\n') == 3);
  CHECK(contains(run.out, "\n5         regular_file     rw "));
  CHECK(contains(run.out, "deleted /tmp/scm-test-"));
  CHECK(contains(run.out, "\n0         character_device r "));
}

TEST_CASE("one descriptor of another process is described as that process has it", "[cli]") {
  const owned_fd file = scratch_file();
  REQUIRE(::lseek(file.native_handle(), 3, SEEK_SET) == 3);
  looked_into other{
      [&] { return ::dup2(file.native_handle(), 50) == 50 && ::dup3(file.native_handle(), 51, O_CLOEXEC) == 51; }};
  const json all = records({other.pid() + ":50", other.pid() + ":51"});
  REQUIRE(all.size() == 2);
  CHECK(all[0].at("holder") == other.process().pid());
  CHECK(all[0].at("fd") == 50);
  CHECK(all[0].at("kind") == "regular_file");
  CHECK(all[0].at("offset") == 3);
  CHECK(all[0].at("close_on_exec") == false);
  CHECK(all[1].at("close_on_exec") == true);
  CHECK(::lseek(file.native_handle(), 0, SEEK_CUR) == 3);
  CHECK(contains(inspect({other.pid() + ":50"}).out, '\n' + other.pid() + ":50 "));
}

TEST_CASE("a process is listed whole, by PID: or by a number that is no descriptor of inspect's", "[cli]") {
  looked_into other{[] { return ::dup2(0, 60) == 60; }};
  const json all = records({other.pid() + ":"});
  CHECK(numbers_of(all) == numbers_of(records({other.pid()})));
  CHECK(std::ranges::count(numbers_of(all), 60) == 1);
  for (const auto& one : all) CHECK(one.at("holder") == other.process().pid());
}

TEST_CASE("what cannot be sent over a socket can be inspected in place", "[cli]") {
  io_uring_params parameters{};
  const long number = ::syscall(SYS_io_uring_setup, 2, &parameters);
  if (number < 0) SCM_SKIP("io_uring_setup is not permitted");
  const owned_fd ring = made(number);
  looked_into other{[&] { return ::dup2(ring.native_handle(), 50) == 50; }};
  CHECK(records({other.pid() + ":50"}).at(0).at("kind") == "io_uring");
}

TEST_CASE("every kind can be printed in both forms", "[cli]") {
  const std::vector<example> all = one_of_each_kind();
  std::vector<given> descriptors;
  for (const auto& one : all) descriptors.emplace_back(50 + static_cast<int>(descriptors.size()), one.fd.get());
  const finished run = inspect({}, descriptors);
  CHECK(run.status == 0);
  CHECK(static_cast<std::size_t>(std::ranges::count(run.out, '\n')) == 1 + 3 + all.size());
  CHECK(records({}, descriptors).size() == 3 + all.size());
}

TEST_CASE("a hostile name reaches neither the terminal nor the structure of the output", "[cli]") {
  const temporary_folder folder;
  const std::string name = "\x1b]0;owned\a\r\n0 socket \"}],\\\xff\xe2\x80\xae";
  const owned_fd file = opened(folder / name, O_RDWR | O_CREAT, 0600);
  const finished table = inspect({"5"}, {{5, file.get()}});
  CHECK(table.status == 0);
  CHECK(std::ranges::count(table.out, '\n') == 2);
  CHECK(std::ranges::all_of(table.out, [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7f); }));

  const finished run = inspect({"--json", "5"}, {{5, file.get()}});
  CHECK(std::ranges::all_of(run.out, [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7f); }));
  const json one = json::parse(run.out).at(0);
  std::string exact;
  const std::string hex = one.at("path_hex");
  for (std::size_t i = 0; i < hex.size(); i += 2) exact += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  CHECK(exact == folder / name);

  const owned_fd readable = opened(folder / "\xc3\xbc\n", O_RDWR | O_CREAT, 0600);
  const json fine = records({"5"}, {{5, readable.get()}}).at(0);
  CHECK(fine.at("path") == folder / "\xc3\xbc\n");
  CHECK_FALSE(fine.contains("path_hex"));
}

TEST_CASE("what is not a target is wrong usage", "[cli]") {
  for (const char* text :
       {"x", ":", ":3", "fd:", "fd:x", "fd:-1", "1:2:3", "1:x", "+1", "1 ", "99999999999", "1:99999999999"}) {
    INFO(text);
    const finished run = inspect({text});
    CHECK(run.status == 2);
    CHECK(run.out.empty());
    CHECK_FALSE(run.err.empty());
  }
  CHECK(inspect({"--nonsense"}).status == 2);
}

TEST_CASE("help says what a target can be", "[cli]") {
  const finished run = inspect({"--help"});
  CHECK(run.status == 0);
  for (const char* form : {"fd:N ", "PID: ", "PID:FD ", "N ", "--json"}) CHECK(contains(run.out, form));
}

TEST_CASE("what is not there is said, and the rest is still shown", "[cli]") {
  pid_t ended = -1;
  {
    child other{[] { return true; }};
    ended = other.pid();
  }
  const std::string pid = std::to_string(ended);
  const finished run = inspect({"fd:70", pid, pid + ":", std::to_string(::getpid()) + ":99999", "0"});
  CHECK(run.status == 1);
  CHECK(contains(run.err, "fd:70: scm was not started with this descriptor"));
  CHECK(contains(run.err, pid + ": neither a descriptor that scm was started with nor a process"));
  CHECK(contains(run.err, pid + ":: no such process"));
  CHECK(contains(run.err, "has no descriptor 99999"));
  CHECK(contains(run.out, "\n0 "));
  CHECK(inspect({"--json", "fd:70"}).out == "[]\n");
}

TEST_CASE("a process that has ended and not been reaped is said to have ended", "[cli]") {
  child other{[] { return true; }};
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(other.pid()), &info, WEXITED | WNOWAIT) == 0);
  const finished run = inspect({std::to_string(other.pid()) + ":"});
  CHECK(run.status == 1);
  CHECK(contains(run.err, "no such process"));
}

TEST_CASE("without the right to trace a process the message says what it takes", "[cli]") {
  if (::geteuid() != 0) SCM_SKIP("takes root to be somebody else");
  const std::string pid = std::to_string(::getpid());
  for (const std::string& text : {pid + ":0", pid + ":"}) {
    const finished run = inspect({text}, {}, become_nobody);
    CHECK(run.status == 1);
    CHECK(contains(run.err, "not permitted"));
    CHECK(contains(run.err, "ptrace_scope"));
  }
}

TEST_CASE("a process that opens and closes all the time is listed and left", "[cli]") {
  // Several threads of one process, so that the table changes whenever the program looks.
  child restless{[] {
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([] {
        for (;;) {
          for (int number = 100; number < 200; ++number) ::dup2(0, number);
          for (int number = 100; number < 200; ++number) ::close(number);
        }
      });
    }
    for (auto& one : threads) one.join();
    return true;
  }};
  for (int round = 0; round < 10; ++round) {
    const finished run = inspect({std::to_string(restless.pid()) + ":", "--json"});
    CHECK(run.status == 0);
    CHECK(json::parse(run.out).is_array());
  }
}

TEST_CASE("a process with very many descriptors is listed whole", "[cli]") {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const int last = static_cast<int>(std::min<rlim_t>(limit.rlim_max, 100'000)) - 1;
  looked_into other{[&] {
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    if (::setrlimit(RLIMIT_NOFILE, &raised) != 0) return false;
    for (int number = 3; number <= last; ++number) {
      if (::fcntl(number, F_GETFD) < 0 && ::dup2(0, number) < 0) return false;
    }
    return true;
  }};
  const finished run = inspect({other.pid() + ":"});
  CHECK(run.status == 0);
  CHECK(std::ranges::count(run.out, '\n') == last + 2);

  SECTION("and when it ends in the middle, the program ends too and says so") {
    std::thread killer{[&] {
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
      other.process().signal(SIGKILL);
    }};
    const finished cut = inspect({other.pid() + ":"});
    killer.join();
    CHECK(cut.status == 1);
    CHECK(contains(cut.err, other.pid() + ":: "));
  }
}

TEST_CASE("when nobody reads the output any more, inspect ends quietly", "[cli]") {
  int ends[2] = {-1, -1};
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const owned_fd in{ends[1]};
  owned_fd{ends[0]}.reset();
  const finished run = inspect({}, {{1, in.get()}});
  CHECK(run.status == 1);
  CHECK(run.err.empty());
}
