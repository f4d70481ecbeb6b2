#include "inspect/classify.hpp"

#include "core/sys.hpp"
#include "core/uapi.hpp"

#include <linux/magic.h>
#include <mqueue.h>

#include <algorithm>
#include <array>
#include <utility>

namespace scm::inline v0_1::detail {
namespace {

using enum descriptor_kind;

constexpr std::string_view anonymous_prefix = "anon_inode:";

struct statfs file_system_of(borrowed_fd fd) noexcept {
  struct statfs status{};
  if (sys::fstatfs(fd.native_handle(), status) < 0) status = {};
  return status;
}

descriptor_kind anonymous_kind(std::string_view name) noexcept {
  constexpr auto known = std::to_array<std::pair<std::string_view, descriptor_kind>>({
      {"eventfd", eventfd},
      {"eventpoll", epoll},
      {"timerfd", timerfd},
      {"signalfd", signalfd},
      {"inotify", inotify},
      {"fanotify", fanotify},
      {"pidfd", pidfd},
      {"io_uring", io_uring},
      {"seccomp notify", seccomp_listener},
      {"userfaultfd", userfaultfd},
  });
  const auto* const found = std::ranges::find(known, name, &std::pair<std::string_view, descriptor_kind>::first);
  return found == known.end() ? anonymous : found->second;
}

// An object without a file type: kernel-made, so that fstatfs(2) answers at once.
descriptor_kind typeless_kind(const traits& of) noexcept {
  const auto magic = static_cast<long>(file_system_of(of.fd).f_type);
  if (magic == uapi::pid_fs_magic) return pidfd;
  if (magic == uapi::dma_buf_magic) return dma_buf;
  if (of.link.starts_with(anonymous_prefix)) return anonymous_kind(kernel_name(of.link));
  return magic == ANON_INODE_FS_MAGIC ? anonymous : unknown;
}

bool is_memfd(const traits& of) noexcept {
  if (of.links != 0) return false;  // a memfd never has a name, and linkat(2) cannot give it one
  if (of.path_only) return of.link.starts_with(memfd_prefix);  // no seals to ask for: a place may look like one
  if (!of.seals) return false;
  // Seals beyond the first exist nowhere else. With that one alone it is a memfd that allows none, or a deleted file
  // on a tmpfs; which is told by its text, or by the kernel's own tmpfs being without the size limit of mounted ones.
  if (*of.seals != seal_set{static_cast<unsigned>(seal::sealing)}) return true;
  return of.link.empty() ? file_system_of(of.fd).f_blocks == 0 : of.link.starts_with(memfd_prefix);
}

bool is_message_queue(const traits& of) noexcept {
  constexpr std::uint64_t size_of_every_queue = 80;  // FILENT_SIZE: spares other files the call below
  if (of.path_only || of.file_system != 0 || of.size != size_of_every_queue) return false;
  mq_attr attributes{};
  return sys::mq_getattr(of.fd.native_handle(), &attributes) == 0;
}

descriptor_kind file_kind(const traits& of) noexcept {
  // Only an object of the kernel has a text that is not a path, so its file system is safe to ask.
  if (!of.link.empty() && of.link.front() != '/') {
    if (of.link.starts_with(anonymous_prefix)) return anonymous_kind(kernel_name(of.link));
    if (static_cast<long>(file_system_of(of.fd).f_type) == NSFS_MAGIC) return namespace_handle;
  }
  if (is_memfd(of)) return memfd;
  return is_message_queue(of) ? message_queue : regular_file;
}

// By number (Documentation/admin-guide/devices.txt): tcgetattr(3) would ask the driver, which may be one in user space.
bool is_terminal_driver(std::uint32_t major) noexcept {
  return (major >= 2 && major <= 5) || (major >= 128 && major <= 143) || major == 166 || major == 188 || major == 204 ||
         major == 229;
}

}  // namespace

std::string_view kernel_name(std::string_view link) noexcept {
  if (!link.starts_with(anonymous_prefix)) return link.substr(0, link.find(':'));
  link.remove_prefix(anonymous_prefix.size());
  if (link.starts_with('[') && link.ends_with(']')) link = link.substr(1, link.size() - 2);
  return link;
}

descriptor_kind classify(const traits& of) noexcept {
  switch (of.mode & S_IFMT) {
    case S_IFREG:
      return file_kind(of);
    case S_IFDIR:
      return directory;
    case S_IFIFO:
      return pipe;
    case S_IFSOCK:
      return socket;
    case S_IFCHR:
      return is_terminal_driver(of.driver) ? terminal : character_device;
    case S_IFBLK:
      return block_device;
    case S_IFLNK:
      return symbolic_link;
    case 0:
      return typeless_kind(of);
    default:
      return unknown;
  }
}

}  // namespace scm::inline v0_1::detail
