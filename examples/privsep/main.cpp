/// privsep: a daemon in two processes. The monitor may open files and reads nothing that strangers send; the worker
/// reads it and may open nothing.
#include "bounds.hpp"
#include "roles.hpp"
#include "wire.hpp"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

namespace {

int failed(const char* doing, const std::error_code& why = {errno, std::system_category()}) {
  std::fprintf(stderr, "privsep: %s: %s\n", doing, why.message().c_str());
  return 1;
}

/// One that a service manager made outlives this process, and so do the clients in its backlog.
scm::result<scm::listener<scm::seqpacket>> listener_from(scm::inherited& given, const char* path) {
  if (auto socket = given.take(privsep::listener_name)) return scm::listener<scm::seqpacket>::adopt(std::move(*socket));
  const auto at = scm::address::path(path);
  if (!at) return std::unexpected{at.error()};
  umask(0);  // which would take from the mode
  const scm::bind_options file{.mode = 0666, .replace_stale = true};
  return scm::listener<scm::seqpacket>::bind(*at, {.file = file, .backlog = privsep::bounds::backlog});
}

int monitor(scm::inherited given, const char* files, const char* socket, const char* worker) {
  if (const auto kept = scm::forbid_dumping(); !kept) return failed("forbid dumping", kept.error());
  auto manager = scm::notifier::from_environment();
  if (!manager) return failed("NOTIFY_SOCKET", manager.error());
  sigset_t ends;
  sigemptyset(&ends);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ends, number);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  scm::owned_fd signals{signalfd(-1, &ends, SFD_CLOEXEC)};
  if (!signals) return failed("signalfd");
  scm::owned_fd directory{open(files, O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!directory) return failed(files);
  auto arrivals = listener_from(given, socket);
  if (!arrivals) return failed(socket, arrivals.error());
  if (const auto told = manager->ready(scm::in(privsep::bounds::answer)); !told) return failed("notify", told.error());
  privsep::monitor({std::move(directory), std::move(*arrivals), std::move(signals), worker});
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  auto given = scm::inherited::from_environment();
  if (!given) return failed("what was inherited", given.error());
  if (given->find(privsep::files_name)) return privsep::worker(std::move(*given));
  if (argc == 3 || argc == 4)
    return monitor(std::move(*given), argv[1], argv[2], argc == 4 ? argv[3] : "/proc/self/exe");
  std::fputs("usage: privsep DIRECTORY SOCKET [PROGRAM]    PROGRAM: to be the worker, instead of this one\n", stderr);
  return 2;
}
