#include "peer.hpp"

#include "open_descriptors.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace bench {
namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error{errno, std::system_category(), what}; }

/// True unless the pipe has ended.
bool read_number(int pipe, std::uint64_t& number) {
  for (;;) {
    const ssize_t size = read(pipe, &number, sizeof number);
    if (size == sizeof number) return true;
    if (size == 0) return false;
    if (size < 0 && errno == EINTR) continue;
    fail("read from a pipe to the peer");
  }
}

void write_number(int pipe, std::uint64_t number) {
  while (write(pipe, &number, sizeof number) != sizeof number) {
    if (errno != EINTR) fail("write to a pipe to the peer");
  }
}

void serve(peer_role role, endpoint& end, int orders, int reports) {
  end.begin();
  const std::size_t open_before = open_descriptors();
  std::uint64_t messages = 0;
  while (read_number(orders, messages)) {
    std::size_t arrived = 0;
    if (role == peer_role::sink) {
      arrived = end.receive(messages);
    } else {
      for (; messages != 0; --messages) {
        arrived += end.receive(1);
        end.send(1);
      }
    }
    end.settle();
    write_number(reports, arrived);
  }
  if (open_descriptors() != open_before) throw std::runtime_error{"descriptors stayed open"};
}

/// The status of waitpid(2).
int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) fail("wait for the peer");
  }
  return status;
}

}  // namespace

peer::peer(peer_role role, std::unique_ptr<endpoint>& ours, std::unique_ptr<endpoint> theirs) {
  int orders[2];
  int reports[2];
  if (pipe2(orders, O_CLOEXEC) != 0) fail("pipe");
  if (pipe2(reports, O_CLOEXEC) != 0) fail("pipe");
  const pid_t parent = getpid();
  child_ = fork();
  if (child_ < 0) fail("fork");
  if (child_ == 0) {
    int status = 1;
    try {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);  // it died before the line above
      close(orders[1]);
      close(reports[0]);
      ours.reset();  // so that each process sees the other one's end of file
      serve(role, *theirs, orders[0], reports[1]);
      status = 0;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "scm_bench: peer: %s\n", error.what());
    }
    _exit(status);
  }
  close(orders[0]);
  close(reports[1]);
  orders_ = orders[1];
  reports_ = reports[0];
}

peer::~peer() {
  close(reports_);
  if (orders_ >= 0) close(orders_);
  if (child_ < 0) return;
  kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
}

void peer::start(std::size_t messages) { write_number(orders_, messages); }

std::size_t peer::finish() {
  std::uint64_t arrived = 0;
  if (!read_number(reports_, arrived)) throw std::runtime_error{"the peer ended before its work was done"};
  return arrived;
}

clockid_t peer::processor_clock() const {
  clockid_t clock{};
  if (const int number = clock_getcpuclockid(child_, &clock); number != 0) {
    throw std::system_error{number, std::system_category(), "find the peer's clock"};
  }
  return clock;
}

void peer::stop() {
  close(std::exchange(orders_, -1));  // the end of orders
  if (wait_for(std::exchange(child_, -1)) != 0) throw std::runtime_error{"the peer failed"};
}

}  // namespace bench
