#include "inspect/glance.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "inspect/classify.hpp"

#include <linux/fs.h>

namespace scm::inline v0_1::detail {
namespace {

using enum descriptor_kind;

int stat_of(int number, struct statx& status) noexcept {
  return sys::statx(number, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, status);
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

}  // namespace

glance::glance(borrowed_fd fd) noexcept {
  const int number = fd.native_handle();
  descriptor_flags = sys::fcntl(number, F_GETFD);  // first: a number like AT_FDCWD means more to statx
  if (descriptor_flags >= 0) flags = sys::fcntl(number, F_GETFL);
  if (descriptor_flags < 0 || flags < 0 || stat_of(number, status) < 0) {
    error = os_error();
    return;
  }
  const bool path_only = (flags & O_PATH) != 0;
  const bool is_socket = (status.stx_mode & S_IFMT) == S_IFSOCK && !path_only;  // its text is its number again
  procfs = !is_socket && has_procfs();
  if (procfs) link = own_link(fd, buffer);
  if ((status.stx_mode & S_IFMT) == S_IFREG && !path_only) seals = seals_of(fd);
  object = classify({.fd = fd,
                     .mode = status.stx_mode,
                     .links = status.stx_nlink,
                     .size = status.stx_size,
                     .file_system = status.stx_dev_major,
                     .driver = status.stx_rdev_major,
                     .path_only = path_only,
                     .seals = seals,
                     .link = link});
  kind = path_only ? path_handle : object;
}

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

status_flags open_flags_of(int flags) noexcept {
  return {.append = (flags & O_APPEND) != 0,
          .nonblock = (flags & O_NONBLOCK) != 0,
          .direct = (flags & O_DIRECT) != 0,
          .sync = (flags & O_SYNC) == O_SYNC,
          .dsync = (flags & O_DSYNC) != 0,
          .async = (flags & O_ASYNC) != 0,
          .noatime = (flags & O_NOATIME) != 0};
}

file_identity glance::identity() const noexcept {
  return {{status.stx_dev_major, status.stx_dev_minor}, status.stx_ino};
}

bool glance::deleted() const noexcept {
  return status.stx_nlink == 0 && (object == regular_file || object == directory);
}

std::string_view glance::path() const noexcept {
  if (object == memfd || object == dma_buf || object == message_queue || object == pidfd) return {};
  if (!link.starts_with('/')) return {};
  // A living file may be called "x (deleted)", and a file that has lost this name may have others: the link count
  // decides, and otherwise the text stays as it is.
  return deleted() ? without(link, {}, deleted_suffix) : link;
}

std::optional<device_number> glance::device() const noexcept {
  if (object != terminal && object != character_device && object != block_device) return {};
  return device_number{status.stx_rdev_major, status.stx_rdev_minor};
}

result<std::optional<std::uint64_t>> glance::size(borrowed_fd fd, bool again) const noexcept {
  if (kind == block_device) return device_size(fd);
  if (object != regular_file && object != memfd) return std::optional<std::uint64_t>{};
  if (!again) return status.stx_size;
  struct statx now{};
  if (stat_of(fd.native_handle(), now) < 0) return os_failure();
  return now.stx_size;
}

std::string_view without(std::string_view text, std::string_view prefix, std::string_view suffix) noexcept {
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return text;
}

}  // namespace scm::inline v0_1::detail
