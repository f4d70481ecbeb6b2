/// Listens in a program's place and starts it with the first connection: socket activation, as a service manager does
/// it. The program finds the socket as descriptor 3, named "listener", and accepts from it itself (sd_listen_fds(3)).
#include <scm/channel.hpp>
#include <scm/process.hpp>

#include <poll.h>

#include <csignal>
#include <cstdio>
#include <string>

namespace {

int fail(const std::string& doing, const std::error_code& why) {
  std::fprintf(stderr, "activate_on_demand: %s: %s\n", doing.c_str(), why.message().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: activate_on_demand SOCKET PROGRAM [ARGUMENT…]\n");
    return 2;
  }
  const auto at = scm::address::path(argv[1]);
  if (!at) return fail(argv[1], at.error());
  const auto socket = scm::listener<scm::stream>::bind(*at);
  if (!socket) return fail(argv[1], socket.error());

  // The socket stays ours: a connection that comes while the program is down waits in its backlog, and starts it again.
  for (;;) {
    pollfd first{socket->fd().native_handle(), POLLIN, 0};
    if (poll(&first, 1, -1) < 0) continue;
    auto program = scm::spawn({.program = argv[2],
                               .arguments = {argv + 3, argv + argc},
                               .descriptors = {{"listener", socket->fd()}},
                               .parent_death_signal = SIGTERM});
    if (!program)
      return fail(std::string{argv[2]} + ", " + std::string{scm::text_of(program.error().step)}, program.error());
    const auto ended = program->wait();
    if (!ended) return fail(argv[2], ended.error());
    if (ended->succeeded()) return 0;
    std::fprintf(stderr, "activate_on_demand: %s ended with %d, signal %d\n", argv[2], ended->code, ended->signal);
    if (ended->signal == 0) return 1;  // it does not want to run; one that was killed is started again
  }
}
