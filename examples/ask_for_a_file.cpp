/// A process without access to files asks another to open some for it: calls over records, each answered with a
/// descriptor.
#include <scm/frame.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

namespace {

constexpr scm::record_bounds bounds{
    .record_bytes = 8192, .record_descriptors = 1, .queued_bytes = 1 << 20, .queued_descriptors = 64};

/// Opens what it is asked for, until its peer is gone.
int serve(scm::record_channel channel) {
  for (;;) {
    const auto request = channel.receive();
    if (!request) return request.error() == scm::errc::end_of_file ? 0 : 1;
    const auto call = scm::as_call(request->bytes);
    if (!call || call->kind != scm::call_kind::request) return 1;

    const std::string path{reinterpret_cast<const char*>(call->body.data()), call->body.size()};
    scm::owned_fd file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    const scm::call_header reply{scm::call_kind::reply, call->id};
    const auto sent = file ? channel.send({reply, "opened"}, file.get()) : channel.send({reply, "not opened"});
    if (!sent) return 1;
  }
}

/// Asks for all of them at once, and takes the answers as they come.
int ask(scm::record_channel channel, const std::vector<std::string>& paths) {
  scm::call_table calls{paths.size()};
  for (std::size_t i = 0; i != paths.size(); ++i) {
    const auto call = calls.begin(i, scm::in(std::chrono::seconds{10}));
    if (!call || !channel.queue({*call, paths[i]})) return 1;
  }
  if (!channel.flush()) return 1;
  while (calls.waiting() != 0) {
    const auto answer = channel.receive({.until = calls.next_deadline()});
    if (!answer) return 1;
    const auto reply = scm::as_call(answer->bytes);
    if (!reply) return 1;
    const auto which = calls.answered(*reply);
    if (!which) return 1;
    if (!*which) continue;  // too late
    const bool opened = answer->descriptors.size() == 1;
    std::printf("%s: %s\n", paths[**which].c_str(), opened ? "open" : "refused");
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  auto ends = scm::seqpacket::pair();
  if (!ends) return 1;
  auto client = scm::record_channel::make(std::move(ends->first), bounds);
  auto server = scm::record_channel::make(std::move(ends->second), bounds);
  if (!client || !server) return 1;

  const pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    {
      const auto gone = std::move(*client);
    }
    _exit(serve(std::move(*server)));
  }
  {
    const auto gone = std::move(*server);
  }
  const int failed = ask(std::move(*client), {argv + 1, argv + argc});
  int status = 0;
  return waitpid(child, &status, 0) == child && status == 0 ? failed : 1;
}
