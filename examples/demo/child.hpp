/// The child: a process that can open nothing and works on what it is given.
#pragma once

#include <scm/channel/seqpacket.hpp>

#include <sys/types.h>

namespace demo {

/// The child's whole life. Gives up what it can and says so in a greeting (`confinement`), receives one message (the
/// file's name as bytes; file, answer sheet and eventfd as descriptors), checks what came, answers and signals. A
/// failure is a sentence sent over the channel.
[[noreturn]] void live_as_child(scm::seqpacket& channel, pid_t parent) noexcept;

}  // namespace demo
