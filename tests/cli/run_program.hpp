// Running the built program: its arguments and descriptors in; its status and what it printed out.
#pragma once

#include "inspect/made.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace scm::test {

struct finished {
  int status;  // the exit status; that of a killed program is 128 and the signal
  std::string out, err;
};

// A descriptor of ours, or none, as one of the program's numbers.
using given = std::pair<int, borrowed_fd>;

inline std::string content_of(borrowed_fd file) {
  std::string text;
  std::array<char, 65536> block;
  ssize_t size = 0;
  while ((size = ::pread(file.native_handle(), block.data(), block.size(), static_cast<off_t>(text.size()))) > 0) {
    text.append(block.data(), static_cast<std::size_t>(size));
  }
  return text;
}

// Runs the program to its end. It has standard input on /dev/null, what `descriptors` adds (or closes, by an invalid
// one), and nothing else of ours; `prepare` runs in it before it starts. Hanging ends as SIGALRM.
inline finished run_program(const std::vector<std::string>& arguments, const std::vector<given>& descriptors = {},
                            const std::function<bool()>& prepare = {}) {
  const owned_fd program = opened(SCM_PROGRAM, O_RDONLY);  // opened here: `prepare` may give up the right to
  const owned_fd null = opened("/dev/null", O_RDONLY);
  const owned_fd out = made(::memfd_create("out", MFD_CLOEXEC));
  const owned_fd err = made(::memfd_create("err", MFD_CLOEXEC));
  std::vector<char*> argv{const_cast<char*>("scm")};
  for (const auto& one : arguments) argv.push_back(const_cast<char*>(one.c_str()));
  argv.push_back(nullptr);

  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(30);
    // Copies out of the way first: a number that is wanted may be the one of another that is given.
    constexpr int out_of_the_way = 200;
    std::vector<given> all{{0, null.get()}, {1, out.get()}, {2, err.get()}};
    all.insert(all.end(), descriptors.begin(), descriptors.end());
    for (auto& [number, from] : all) {
      if (from) from = borrowed_fd{::fcntl(from.native_handle(), F_DUPFD_CLOEXEC, out_of_the_way)};
    }
    const int image = ::fcntl(program.native_handle(), F_DUPFD_CLOEXEC, out_of_the_way);
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    for (const auto& [number, from] : all) {
      if (from) {
        ::dup2(from.native_handle(), number);
      } else {
        ::close(number);
      }
    }
    if (!prepare || prepare()) ::fexecve(image, argv.data(), environ);
    ::_exit(127);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content_of(out), content_of(err)};
}

}  // namespace scm::test
