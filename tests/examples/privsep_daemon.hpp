// examples/privsep as a test has it: the daemon in a folder of its own, its clients, and what /proc says of its worker.
#pragma once

#include "support/catch.hpp"
#include "support/temporary_folder.hpp"

#include <scm/channel.hpp>
#include <scm/process.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace scm::test {

using namespace std::chrono_literals;

// Far more than anything takes, and still an end.
inline deadline soon() { return in(60s); }

template <class Condition>
bool eventually(Condition condition) {
  for (const deadline until = soon(); std::chrono::steady_clock::now() < until; std::this_thread::sleep_for(2ms)) {
    if (condition()) return true;
  }
  return false;
}

inline std::string content_of(borrowed_fd file) {
  std::string text(65536, '\0');
  const ssize_t size = ::pread(file.native_handle(), text.data(), text.size(), 0);
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  return text;
}

inline std::size_t count_of(std::string_view part, std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// A client: one question at a time, asked again when another worker says that it is ready.
class privsep_client {
 public:
  explicit privsep_client(const address& at) : channel{seqpacket::connect(at, soon()).value()} {}

  // The content of a file; "refused"; or how the connection ended.
  std::string get(std::string_view name) {
    const std::string tag = std::to_string(++tag_);
    for (bool ask = greeted_;;) {
      if (ask && !channel.send({"get ", tag, " ", name}, {}, {.until = soon()})) return "gone";
      auto answer = channel.receive(room_, 1, {.until = soon()});
      if (!answer) return answer.error().code.message();
      const std::string text{room_.data(), answer->size};
      ask = text == "ready";
      greeted_ = greeted_ || ask;
      if (text == tag + " no") return "refused";
      if (text != tag + " ok") continue;
      const owned_fd file = answer->descriptors.take(0);
      const expectation readable{.kinds = descriptor_kind::regular_file, .access = access_mode::read};
      return admit(file, readable) ? content_of(file) : "not what was agreed";
    }
  }

  // The next message, and nothing of its descriptors; or how the connection ended.
  std::string next() {
    const auto message = channel.receive(room_, 1, {.until = soon()});
    return message ? std::string{room_.data(), message->size} : message.error().code.message();
  }

  seqpacket channel;

 private:
  std::array<char, 4096> room_;
  unsigned tag_ = 0;
  bool greeted_ = false;
};

inline const std::string at_its_end = make_error_code(errc::end_of_file).message();
// The same for one that was not accepted, or had something unread.
inline const std::string reset = std::make_error_code(std::errc::connection_reset).message();

class privsep_daemon {
 public:
  // `attack`: runs the hostile worker, to do that, in the worker's place.
  explicit privsep_daemon(const std::string& attack = {}, std::vector<named_fd> inherited = {})
      : attack_{attack.empty() ? attack : folder / attack} {
    ::chmod(folder.path().c_str(), 0711);
    put("motd", "be kind");
    put("prices.csv", "1,2");
    if (!attack.empty()) std::filesystem::copy_file(HOSTILE_WORKER, attack_);
    start(std::move(inherited));
  }

  void start(std::vector<named_fd> inherited = {}) {
    auto manager = notify_socket::bind(address::path(folder / "notify").value()).value();
    spawn_options how{.program = PRIVSEP_PROGRAM,
                      .arguments = {folder.path(), folder / "socket"},
                      .environment = std::vector<std::string>{"NOTIFY_SOCKET=" + (folder / "notify")},
                      .error = log_,
                      .descriptors = std::move(inherited)};
    for (const char* const name : {"ASAN_OPTIONS", "UBSAN_OPTIONS"}) {
      if (const char* const value = std::getenv(name)) how.environment->push_back(std::string{name} + '=' + value);
    }
    if (!attack_.empty()) how.arguments.push_back(attack_);
    process = spawn(how).value();
    INFO(log());
    REQUIRE(manager.receive(soon()).value().lines == "READY=1");
  }

  void put(const std::string& name, std::string_view text) const {
    const owned_fd file{::open((folder / name).c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    REQUIRE(::write(file.native_handle(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

  [[nodiscard]] std::string content(const std::string& name) const {
    return content_of(owned_fd{::open((folder / name).c_str(), O_RDONLY | O_CLOEXEC)}.get());
  }

  [[nodiscard]] address at() const { return address::path(folder / "socket").value(); }
  [[nodiscard]] privsep_client client() const { return privsep_client{at()}; }
  [[nodiscard]] std::string log() const { return content_of(log_); }

  // The worker that runs now; 0 while there is none.
  [[nodiscard]] pid_t worker() const {
    const auto number = std::to_string(process.pid());
    pid_t found = 0;
    std::ifstream{"/proc/" + number + "/task/" + number + "/children"} >> found;
    return found;
  }

  // SIGTERM, and how it ended.
  exit_status end() {
    REQUIRE(process.signal(SIGTERM));
    return process.wait(soon()).value();
  }

  temporary_folder folder;
  scm::child process;

 private:
  owned_fd log_{::memfd_create("log", MFD_CLOEXEC)};
  std::string attack_;
};

// What the descriptors of a process are, by number.
inline std::vector<std::string> descriptors_of(pid_t process) {
  std::vector<std::string> found;
  const std::filesystem::path folder = "/proc/" + std::to_string(process) + "/fd";
  std::error_code ignored;
  for (int number = 0; number != 256; ++number) {
    const auto target = std::filesystem::read_symlink(folder / std::to_string(number), ignored).string();
    if (!target.empty()) found.push_back(std::to_string(number) + " " + target.substr(0, target.find(":[")));
  }
  return found;
}

// One line of /proc/PID/status, without its name.
inline std::string status_of(pid_t process, std::string_view name) {
  std::ifstream status{"/proc/" + std::to_string(process) + "/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name) && line[name.size()] == ':') {
      const auto first = line.find_first_not_of(" \t", name.size() + 1);
      return first == line.npos ? std::string{} : line.substr(first, line.find_last_not_of(" \t") + 1 - first);
    }
  }
  return "?";
}

}  // namespace scm::test
