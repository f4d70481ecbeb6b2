/// The two processes that this program can be.
#pragma once

#include <scm/channel.hpp>
#include <scm/process.hpp>

#include <string>

namespace privsep {

struct monitor_setup {
  scm::owned_fd directory;  ///< Where the policy's files lie.
  scm::listener<scm::seqpacket> arrivals;
  scm::owned_fd signals;  ///< A signalfd: the first signal is the end.
  std::string worker;     ///< Its program.
};

/// Opens what the policy names, holds the clients' connections, and keeps a worker alive, until a signal comes. Nothing
/// that a client sends is read here, and of a worker a name, which is looked up, and a slot, which is checked.
void monitor(monitor_setup with);

/// Reads what clients ask for, gets it from the monitor, and hands it on, until the monitor is gone. It can open
/// nothing. Returns its exit status.
[[nodiscard]] int worker(scm::inherited given);

}  // namespace privsep
