/// How cost grows: with the batch, the records in a message, the payload, and what is in flight.
#pragma once

#include "contest.hpp"

#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// The curves, and what their x counts:
///
///   batch      messages for each system call; one way between two processes, 64 bytes and 1 descriptor each
///   records    records for each message of the kernel, 64 bytes each; one way between two processes
///   payload    bytes of a message with 1 descriptor; in one process
///   in-flight  descriptors in the queue before the first is received, 253 a message; in one process
struct curve_point {
  std::string_view curve;
  std::size_t x;
  /// For each message, record or (in flight) descriptor; the ratio is that to plain C, one message at a time, doing the
  /// same at the same x.
  standing result;
};

/// All of them within the limits' time. Points for which an unprivileged user may not have enough in flight are left
/// out.
[[nodiscard]] std::vector<curve_point> trace_curves(const contest_limits& limits, std::size_t may_be_in_flight,
                                                    std::mt19937& order);

}  // namespace bench
