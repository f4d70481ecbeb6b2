/// What is measured: who sends what to whom.
#pragma once

#include "contender.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace bench {

enum class shape {
  ping_pong,    ///< Two processes in turn; both send and receive.
  one_way,      ///< One process sends, another receives; a full queue makes the sender wait.
  one_process,  ///< Send and receive in turn without a switch: the bare cost of both.
};

/// What is passed.
enum class descriptor_kind {
  event,        ///< eventfd(2): the cheapest to make, and like an ordinary file to the kernel.
  unix_socket,  ///< The kernel keeps a graph of those in flight.
};

struct workload {
  std::string_view name;
  shape how;
  std::size_t bytes;
  std::size_t descriptors;
  std::size_t burst = 1;  ///< In one process: messages that are sent before the first is received.
  descriptor_kind kind = descriptor_kind::event;
};

[[nodiscard]] std::span<const workload> all_workloads() noexcept;

/// One measurement on a connection of its own: nanoseconds for each of `messages` messages, after a few that are not
/// counted. Each message is received, and its descriptors are closed, within that time. It is the processor time of
/// all processes taken together: on one CPU that is the time which passes, less what others take of it. Throws if a
/// descriptor did not arrive or stayed open.
[[nodiscard]] double measure(const workload& work, contender& who, std::size_t messages);

/// Whether `who` can do the work, and whether it makes sense: a ping-pong leaves nothing to join.
[[nodiscard]] bool suits(const workload& work, const contender& who);

/// Most descriptors that `work` can have in flight: what RLIMIT_NOFILE has to allow to an unprivileged user.
[[nodiscard]] std::size_t most_in_flight(const workload& work) noexcept;

}  // namespace bench
