/// What a descriptor refers to, in one word.
#pragma once

#include <scm/core/config.hpp>

#include <string_view>

namespace scm::inline v0_1 {

/// What a descriptor refers to. Those marked (proc) are told apart by procfs's name for them alone and are `anonymous`,
/// or what else is said, where there is no /proc.
enum class descriptor_kind : unsigned char {
  unknown,       ///< Nothing below; a kind newer than this library.
  regular_file,  ///< A file with bytes, on any file system: procfs and FUSE too.
  directory,
  memfd,             ///< memfd_create(2), of huge pages too; the one kind whose seals can mean anything.
  pipe,              ///< An end of a pipe; of a named one (fifo(7)) when it has a path.
  socket,            ///< Of any family. By path (behind a path_handle) the file that bind(2) made.
  message_queue,     ///< mq_open(3)
  eventfd,           ///< (proc)
  timerfd,           ///< (proc)
  signalfd,          ///< (proc)
  epoll,             ///< (proc)
  inotify,           ///< (proc)
  fanotify,          ///< (proc)
  pidfd,             ///< pidfd_open(2); (proc) before Linux 6.9
  io_uring,          ///< (proc) Cannot be sent over a socket (kernel fact A8), but pidfd_getfd(2) hands it out.
  seccomp_listener,  ///< (proc) seccomp_unotify(2)
  userfaultfd,       ///< (proc)
  namespace_handle,  ///< namespaces(7), by nsfs; (proc), a regular_file without
  dma_buf,           ///< A buffer shared between devices.
  terminal,          ///< A character device with the device number of a terminal driver.
  character_device,
  block_device,
  symbolic_link,  ///< Only behind a path_handle (O_PATH with O_NOFOLLOW).
  path_handle,    ///< O_PATH: a place, not an open file; `description::target` says what lies there.
  anonymous,      ///< Another object of the kernel without a place: `description::name` says which (kvm-vm, bpf-map).
};

/// The enumerator's own spelling: part of the output formats, and so never changed.
[[nodiscard]] SCM_API std::string_view name_of(descriptor_kind kind) noexcept;

}  // namespace scm::inline v0_1
