// A program that runs beside the test: started, waited for within bounds, and never left behind.
#pragma once

#include <scm/channel.hpp>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace scm::test {

// How a program ended: its exit status, or 128 and the signal; and what it wrote.
struct ended {
  int status = -1;
  std::string out, err;
};

// A descriptor of the test's as the program's number.
struct handed {
  borrowed_fd from;
  int number;
};

class running_program {
 public:
  // Starts `words`, the first of which is looked up in PATH, in a process group of its own. Standard input holds
  // `input`. Nothing else of ours but `descriptors` is inherited.
  explicit running_program(std::vector<std::string> words, std::vector<handed> descriptors = {},
                           std::string_view input = {})
      : in_{memory(input)}, out_{memory({})}, err_{memory({})} {
    descriptors.insert(descriptors.end(), {{in_.get(), 0}, {out_.get(), 1}, {err_.get(), 2}});
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    // From numbers out of the way: one that is wanted could be that of another that is handed over. Then the rest,
    // which the test program may have inherited, is closed.
    std::vector<owned_fd> copies;
    std::set<int> wanted;
    for (const auto& [from, number] : descriptors) {
      copies.emplace_back(::fcntl(from.native_handle(), F_DUPFD_CLOEXEC, 300));
      ::posix_spawn_file_actions_adddup2(&actions, copies.back().native_handle(), number);
      wanted.insert(number);
    }
    for (int number = 3; number < *wanted.rbegin(); ++number) {
      if (!wanted.contains(number)) ::posix_spawn_file_actions_addclose(&actions, number);
    }
    ::posix_spawn_file_actions_addclosefrom_np(&actions, *wanted.rbegin() + 1);
    sigset_t none, defaults;
    ::sigemptyset(&none);
    ::sigemptyset(&defaults);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::sigaddset(&defaults, number);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    const int error = ::posix_spawnp(&pid_, argv.front(), &actions, &attributes, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (error != 0) throw std::system_error(error, std::generic_category(), words.front());
    pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  }
  running_program(const running_program&) = delete;
  running_program& operator=(const running_program&) = delete;
  ~running_program() {
    if (pid_ > 0) end_it();
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }

  // What it has written so far on standard error.
  [[nodiscard]] std::string err_so_far() const { return content(err_.get()); }

  // Waits for its end. Past the bound it is killed, with everything it started, and the test fails.
  ended wait(std::chrono::milliseconds bound = std::chrono::seconds{30}) {
    pollfd end{pidfd_.native_handle(), POLLIN, 0};
    const bool in_time = ::poll(&end, 1, static_cast<int>(bound.count())) == 1;
    const int status = end_it();
    ended result{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content(out_.get()),
                 content(err_.get())};
    if (!in_time) throw std::runtime_error{"a program had to be killed; it wrote: " + result.out + result.err};
    return result;
  }

 private:
  static owned_fd memory(std::string_view bytes) {
    owned_fd file{::memfd_create("stream", MFD_CLOEXEC)};
    if (!file || ::pwrite(file.native_handle(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
      throw std::system_error(errno, std::generic_category(), "memfd");
    }
    return file;
  }
  static std::string content(borrowed_fd file) {
    std::string bytes(static_cast<std::size_t>(::lseek(file.native_handle(), 0, SEEK_END)), '\0');
    const ssize_t size = ::pread(file.native_handle(), bytes.data(), bytes.size(), 0);
    bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return bytes;
  }
  // Kills what is left of its group and reaps it.
  int end_it() {
    siginfo_t state{};
    const bool by_itself =
        ::waitid(P_PID, static_cast<id_t>(pid_), &state, WEXITED | WNOHANG | WNOWAIT) == 0 && state.si_pid == pid_;
    ::kill(-pid_, SIGKILL);
    if (!by_itself) ::kill(pid_, SIGKILL);
    int status = -1;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return status;
  }

  owned_fd in_, out_, err_;
  pid_t pid_ = -1;
  owned_fd pidfd_;
};

// The words of a call of the program under test.
inline std::vector<std::string> scm_words(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), SCM_PROGRAM);
  return arguments;
}

inline ended run_scm(std::vector<std::string> arguments, std::vector<handed> descriptors = {},
                     std::string_view input = {}) {
  return running_program{scm_words(std::move(arguments)), std::move(descriptors), input}.wait();
}

// Asks `condition` again and again, for some seconds at most.
template <class Condition>
bool eventually(Condition condition) {
  for (const deadline until = in(std::chrono::seconds{20}); std::chrono::steady_clock::now() < until;) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  return false;
}

// Whether, within some seconds, somebody receives at `where`. Leaves behind a connection that sends nothing.
inline bool somebody_listens(const std::string& where, const std::string& type = "seqpacket") {
  const auto at = address::parse(where).value();
  return eventually([&] {
    if (type == "stream") return stream::connect(at, dont_wait).has_value();
    if (type == "dgram") return datagram::connect(at).has_value();
    return seqpacket::connect(at, dont_wait).has_value();
  });
}

// An abstract address that no other test uses.
inline std::string abstract_address() {
  static int count = 0;
  return "@scm-test-" + std::to_string(::getpid()) + '-' + std::to_string(++count);
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

inline owned_fd file_with(const std::string& path, std::string_view content) {
  owned_fd file{::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  while (!content.empty()) {
    const ssize_t written = ::write(file.native_handle(), content.data(), content.size());
    if (written < 0) throw std::system_error(errno, std::generic_category(), path);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return file;
}

}  // namespace scm::test
