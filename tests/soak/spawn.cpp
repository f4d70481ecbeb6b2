// Starts programs one after the other while threads open and close descriptors that are not close-on-exec, as fast as
// they can: each program has exactly what was named for it. usage: soak_spawn [PROGRAMS]
#include "support/descriptor_table.hpp"

#include <scm/process.hpp>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <thread>

using namespace scm;

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "soak_spawn: %s\n", what.c_str());
  std::exit(1);
}

std::string identity_of(borrowed_fd file) {
  struct stat status{};
  if (::fstat(file.native_handle(), &status) != 0) fail("fstat");
  return std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino);
}

std::atomic<bool> stop = false;
std::atomic<std::uint64_t> opened = 0;

void open_and_close() {
  while (!stop) {
    int pair[2] = {-1, -1};
    int pipe[2] = {-1, -1};
    const int event = ::eventfd(0, 0);
    (void)::socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    const int copy = ::dup(event);
    if (::pipe(pipe) != 0) continue;
    for (const int one : {event, pair[0], pair[1], copy, pipe[0], pipe[1]}) ::close(one);
    opened += 6;
  }
}

// What the program shows of its descriptors, but for the one that it writes to.
std::string descriptors_in(borrowed_fd output) {
  std::string text(8192, '\0');
  const ssize_t size = ::pread(output.native_handle(), text.data(), text.size(), 0);
  text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  std::istringstream lines{text};
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("fd ") && !line.starts_with("fd 1 ")) found += line + '\n';
  }
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  const long programs = argc > 1 ? std::atol(argv[1]) : 300;
  const auto before = test::descriptor_table::now();
  {
    const owned_fd output{::memfd_create("output", MFD_CLOEXEC)};
    const owned_fd disk{::memfd_create("disk", MFD_CLOEXEC)}, channel{::eventfd(0, EFD_CLOEXEC)};
    const spawn_options options{.program = SHOW_PROGRAM,
                                .environment = std::vector<std::string>{},
                                .input = standard_stream::null(),
                                .output = output,
                                .error = disk,
                                .descriptors = {{"channel", channel}, {"disk", disk}}};
    const owned_fd null{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    std::string expected = "fd 0 " + identity_of(null) + " 0\n";
    expected += "fd 2 " + identity_of(disk) + " 0\n";
    expected += "fd 3 " + identity_of(channel) + " 0\n";
    expected += "fd 4 " + identity_of(disk) + " 0\n";
    std::thread busy[] = {std::thread{open_and_close}, std::thread{open_and_close}};
    for (long i = 0; i != programs; ++i) {
      if (::ftruncate(output.native_handle(), 0) != 0 || ::lseek(output.native_handle(), 0, SEEK_SET) != 0)
        fail("file");
      auto started = spawn(options);
      if (!started) fail(std::string{text_of(started.error().step)} + ": " + started.error().code.message());
      const auto how = started->wait();
      if (!how || !how->succeeded()) fail("the program did not end well");
      if (const auto found = descriptors_in(output); found != expected)
        fail("expected\n" + expected + "found\n" + found);
    }
    stop = true;
    for (std::thread& one : busy) one.join();
  }
  if (::waitpid(-1, nullptr, WNOHANG | __WALL) >= 0) fail("a zombie is left");
  if (const auto changes = difference(before, test::descriptor_table::now()); !changes.empty()) fail(changes);
  std::printf("%ld programs started beside %" PRIu64 " descriptors opened: each had what was named and no other\n",
              programs, opened.load());
}
