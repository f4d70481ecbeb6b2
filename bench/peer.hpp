/// The other process of a benchmark: a child that receives, or answers, when told to.
#pragma once

#include "contender.hpp"

#include <sys/types.h>
#include <time.h>

#include <cstddef>
#include <memory>

namespace bench {

enum class peer_role {
  sink,    ///< Receives.
  echoer,  ///< Receives one message, sends one, and so on.
};

/// A child that owns one end of a connection; killed with this value, and by the kernel when this process dies.
/// Failures, the child's included, throw.
class peer {
 public:
  /// Forks. The child keeps `theirs` and drops `ours`, this process the other way round.
  peer(peer_role role, std::unique_ptr<endpoint>& ours, std::unique_ptr<endpoint> theirs);
  ~peer();
  peer(const peer&) = delete;
  peer& operator=(const peer&) = delete;

  /// Tells the child to play its role for so many messages; it starts at once.
  void start(std::size_t messages);
  /// Waits until it has: the descriptors that arrived there.
  std::size_t finish();
  /// The clock of the processor time that the child has used (clock_getcpuclockid(3)).
  [[nodiscard]] clockid_t processor_clock() const;
  /// Ends the child, and throws if it did not end well: it also looks for descriptors that stayed open.
  void stop();

 private:
  int orders_ = -1;
  int reports_ = -1;
  pid_t child_ = -1;
};

}  // namespace bench
