#include <scm/inspect/description.hpp>

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "core/uapi.hpp"
#include "inspect/classify.hpp"
#include "inspect/fdinfo.hpp"
#include "inspect/own_proc.hpp"
#include "inspect/socket_details.hpp"

#include <linux/fs.h>

namespace scm::inline v0_1 {
namespace {

using enum descriptor_kind;

access_mode access_of(int flags) noexcept {
  if ((flags & O_PATH) != 0) return access_mode::none;
  switch (flags & O_ACCMODE) {
    case O_RDONLY:
      return access_mode::read;
    case O_WRONLY:
      return access_mode::write;
    case O_RDWR:
      return access_mode::read_write;
    default:
      return access_mode::none;
  }
}

status_flags flags_of(int flags) noexcept {
  return {.append = (flags & O_APPEND) != 0,
          .nonblock = (flags & O_NONBLOCK) != 0,
          .direct = (flags & O_DIRECT) != 0,
          .sync = (flags & O_SYNC) == O_SYNC,
          .dsync = (flags & O_DSYNC) != 0,
          .async = (flags & O_ASYNC) != 0,
          .noatime = (flags & O_NOATIME) != 0};
}

std::optional<seal_set> seals_of(borrowed_fd fd) noexcept {
  const int bits = sys::fcntl(fd.native_handle(), F_GET_SEALS);
  if (bits < 0) return {};
  return seal_set{static_cast<unsigned>(bits)};
}

// statx(2) has 0 for block devices. BLKGETSIZE64 is answered by the block layer, not by the driver.
std::optional<std::uint64_t> device_size(borrowed_fd fd) noexcept {
  std::uint64_t bytes = 0;
  if (sys::ioctl(fd.native_handle(), BLKGETSIZE64, &bytes) < 0) return {};
  return bytes;
}

std::optional<pid_t> process_of(borrowed_fd fd) noexcept {
  uapi::pidfd_info info{};
  info.mask = uapi::pidfd_info_pid;
  if (sys::ioctl(fd.native_handle(), uapi::pidfd_get_info, &info) < 0) return {};
  if ((info.mask & uapi::pidfd_info_pid) == 0) return {};
  return static_cast<pid_t>(info.pid);
}

// What fdinfo alone tells. Its position is not asked of lseek(2): that waits for as long as somebody else is inside a
// read(2) or write(2) of the same open file, which a stranger can make last for ever.
void add_fdinfo(borrowed_fd fd, description& to) noexcept {
  detail::fdinfo_buffer buffer;
  const std::string_view text = detail::own_fdinfo(fd, buffer);
  if (to.kind == eventfd)
    to.counter = detail::fdinfo_number<std::uint64_t>(text, "eventfd-count", 16);
  else if (to.kind == pidfd)
    to.process = detail::fdinfo_number<pid_t>(text, "Pid");
  else
    to.offset = detail::fdinfo_number<std::uint64_t>(text, "pos");
}

bool wants_fdinfo(const description& of) noexcept {
  switch (of.kind) {
    case regular_file:
    case memfd:
    case block_device:
    case eventfd:
      return true;
    case pidfd:
      return !of.process;
    default:
      return false;  // some kinds take a lock to write theirs that others may hold for long (epoll)
  }
}

std::string_view without(std::string_view text, std::string_view prefix, std::string_view suffix) noexcept {
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return text;
}

/// Sorts procfs's text into path and name. Throws std::bad_alloc.
void add_link(std::string_view link, descriptor_kind object, description& to) {
  if (link.empty()) return;
  switch (object) {
    case memfd:
      to.name = without(link, detail::memfd_prefix, detail::deleted_suffix);
      return;
    case dma_buf:
      to.name = without(link, "/dmabuf:", {});
      return;
    case message_queue:
      to.name = link;
      return;
    case pidfd:
      to.name = "pidfd";  // its text has changed over the versions
      return;
    default:
      break;
  }
  if (link.front() == '/') {
    // A living file may be called "x (deleted)", and a file that has lost this name may have others: the link count
    // decides, and otherwise the text stays as it is.
    to.path = to.deleted ? without(link, {}, detail::deleted_suffix) : link;
  } else if (object != socket && object != pipe) {  // theirs hold nothing but the inode number
    to.name = detail::kernel_name(link);
  }
}

}  // namespace

result<description> describe(borrowed_fd fd) noexcept {
  const int number = fd.native_handle();
  const int descriptor_flags = sys::fcntl(number, F_GETFD);  // first: a number like AT_FDCWD means more to statx
  if (descriptor_flags < 0) return detail::os_failure();
  const int flags = sys::fcntl(number, F_GETFL);
  if (flags < 0) return detail::os_failure();
  struct statx status{};
  if (sys::statx(number, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, status) < 0) {
    return detail::os_failure();
  }
  const bool path_only = (flags & O_PATH) != 0;
  const bool regular = (status.stx_mode & S_IFMT) == S_IFREG;
  const bool procfs = detail::has_procfs();
  detail::link_buffer buffer;
  const std::string_view link = procfs ? detail::own_link(fd, buffer) : std::string_view{};

  description out;
  if (regular && !path_only) out.seals = seals_of(fd);
  const descriptor_kind object = detail::classify({.fd = fd,
                                                   .mode = status.stx_mode,
                                                   .links = status.stx_nlink,
                                                   .size = status.stx_size,
                                                   .file_system = status.stx_dev_major,
                                                   .driver = status.stx_rdev_major,
                                                   .path_only = path_only,
                                                   .seals = out.seals,
                                                   .link = link});
  out.kind = path_only ? path_handle : object;
  if (path_only) out.target = object;
  out.identity = {{status.stx_dev_major, status.stx_dev_minor}, status.stx_ino};
  out.access = access_of(flags);
  out.flags = flags_of(flags);
  out.close_on_exec = (descriptor_flags & FD_CLOEXEC) != 0;
  out.deleted = status.stx_nlink == 0 && (object == regular_file || object == directory);
  if (object == regular_file || object == memfd) out.size = status.stx_size;
  if (object == terminal || object == character_device || object == block_device) {
    out.device = {status.stx_rdev_major, status.stx_rdev_minor};
  }
  if (out.kind == block_device) out.size = device_size(fd);
  if (out.kind == socket) out.socket = detail::describe_socket(fd);
  if (out.kind == pidfd) out.process = process_of(fd);
  if (procfs && wants_fdinfo(out)) add_fdinfo(fd, out);
  try {
    add_link(link, object, out);
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  return out;
}

}  // namespace scm::inline v0_1
