/// Who has which sockets open: all processes' descriptors, looked through once.
#pragma once

#include "cli/process_table.hpp"

#include <scm/core/credentials.hpp>
#include <scm/core/result.hpp>

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace scm::cli {

/// A process and those of its descriptors that are one socket.
struct socket_holder {
  pid_t process;
  std::vector<int> numbers;  ///< In order.
};

struct socket_holders {
  /// By the socket's inode, processes in order.
  std::unordered_map<std::uint64_t, std::vector<socket_holder>> by_inode;
  std::vector<pid_t> hidden;  ///< Processes whose descriptors may not be seen.
};

/// Looks through /proc. Processes that end meanwhile are left out. Errors: those of opening /proc.
[[nodiscard]] result<socket_holders> find_socket_holders();

/// The name that a process gives itself; any bytes. Empty when it has ended.
[[nodiscard]] std::string name_of_process(pid_t process);

/// How many descriptors wait in the queue of the socket that is `number` in the process (Linux 5.11). No value when
/// that cannot be known: it is another file by now, or what may be read of /proc does not say it.
[[nodiscard]] std::optional<std::uint64_t> descriptors_in_flight(pid_t process, int number, std::uint64_t inode);

/// What the socket that is `number` in the process is told of its peer (SO_PEERCRED), for which it is fetched. No value
/// when it is another file by now, may not be had, or has no peer.
[[nodiscard]] std::optional<credentials> credentials_of_peer(const process_table& process, int number,
                                                             std::uint64_t inode);

}  // namespace scm::cli
