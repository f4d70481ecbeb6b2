/// The worker as its monitor has it: a process, and the two channels to it.
#pragma once

#include "bounds.hpp"
#include "wire.hpp"

#include <scm/channel.hpp>
#include <scm/process.hpp>

#include <unistd.h>

#include <csignal>
#include <string>

namespace privsep {

struct worker_process {
  scm::child process;  // killed and reaped with this value
  scm::seqpacket files, clients;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

/// Its channels are new: nothing that was on the way to another worker, or from it, gets through.
[[nodiscard]] inline scm::result<worker_process> start_worker(const std::string& program) {
  auto files = scm::seqpacket::pair();
  auto clients = scm::seqpacket::pair();
  if (!files || !clients) return std::unexpected{(files ? clients : files).error()};
  scm::spawn_options how{
      .program = program,
      .argument_zero = "privsep-worker",
      .environment = std::vector<std::string>{},
      .directory = "/",
      .input = scm::standard_stream::null(),
      .output = scm::standard_stream::null(),
      .descriptors = {{files_name, files->second.fd()}, {clients_name, clients->second.fd()}},
      .limits = {{RLIMIT_NOFILE, bounds::worker_descriptors, bounds::worker_descriptors}, {RLIMIT_CORE, 0, 0}},
      .no_new_privileges = true,
      .parent_death_signal = SIGKILL};
  // Before it runs. It has no descriptor to give, and where the kernel can be told so (Linux 6.16) it cannot send one.
  (void)files->first.accept_descriptors(false);
  (void)clients->first.accept_descriptors(false);
  if (geteuid() == 0) how.as = {.user = bounds::worker_user, .group = bounds::worker_group};
  auto process = scm::spawn(how);
  if (!process) return std::unexpected{process.error().code};
  return worker_process{std::move(*process), std::move(files->first), std::move(clients->first)};
}

}  // namespace privsep
