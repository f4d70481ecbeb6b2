#include <scm/inspect/kind.hpp>

namespace scm::inline v0_1 {

std::string_view name_of(descriptor_kind kind) noexcept {
  switch (kind) {
    using enum descriptor_kind;
    case unknown:
      break;
    case regular_file:
      return "regular_file";
    case directory:
      return "directory";
    case memfd:
      return "memfd";
    case pipe:
      return "pipe";
    case socket:
      return "socket";
    case message_queue:
      return "message_queue";
    case eventfd:
      return "eventfd";
    case timerfd:
      return "timerfd";
    case signalfd:
      return "signalfd";
    case epoll:
      return "epoll";
    case inotify:
      return "inotify";
    case fanotify:
      return "fanotify";
    case pidfd:
      return "pidfd";
    case io_uring:
      return "io_uring";
    case seccomp_listener:
      return "seccomp_listener";
    case userfaultfd:
      return "userfaultfd";
    case namespace_handle:
      return "namespace_handle";
    case dma_buf:
      return "dma_buf";
    case terminal:
      return "terminal";
    case character_device:
      return "character_device";
    case block_device:
      return "block_device";
    case symbolic_link:
      return "symbolic_link";
    case path_handle:
      return "path_handle";
    case anonymous:
      return "anonymous";
  }
  return "unknown";
}

}  // namespace scm::inline v0_1
