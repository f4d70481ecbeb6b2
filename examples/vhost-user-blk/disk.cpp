#include "disk.hpp"

#include "../vhost-user/pieces.hpp"

#include <scm/inspect.hpp>

#include <fmt/format.h>

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>

namespace vhost_user {
namespace {

// The kernel copies between image and guest: what the guest does to its memory meanwhile is its own affair.
template <class Transfer>
bool all_of(std::span<iovec> pieces, std::uint64_t offset, Transfer transfer) {
  while (!pieces.empty()) {
    const auto some = static_cast<int>(std::min<std::size_t>(pieces.size(), IOV_MAX));
    const ssize_t done = transfer(pieces.data(), some, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    offset += static_cast<std::uint64_t>(done);
    drop_front(pieces, static_cast<std::uint64_t>(done));
  }
  return true;
}

}  // namespace

answer<disk> disk::open(scm::owned_fd image, bool read_only) {
  scm::expectation agreed{.kinds = {scm::descriptor_kind::regular_file, scm::descriptor_kind::block_device},
                          .access = scm::access_mode::read_write};
  if (read_only) agreed.access.insert(scm::access_mode::read);
  if (const auto admitted = scm::admit(image, agreed); !admitted) {
    return std::unexpected{fmt::format("the image {}", admitted.error().detail().view())};
  }
  disk made{std::move(image), read_only};
  made.measure();
  return made;
}

bool disk::measure() {
  struct stat image{};
  std::uint64_t bytes = 0;
  if (fstat(image_.native_handle(), &image) == 0) bytes = static_cast<std::uint64_t>(image.st_size);
  if (S_ISBLK(image.st_mode) && ioctl(image_.native_handle(), BLKGETSIZE64, &bytes) != 0) bytes = 0;
  const std::uint64_t now = bytes / sector_bytes;
  return std::exchange(sectors_, now) != now;
}

std::uint64_t disk::features() const {
  return 1U << VIRTIO_BLK_F_FLUSH | 1U << VIRTIO_BLK_F_SEG_MAX | 1U << VIRTIO_BLK_F_BLK_SIZE |
         (read_only_ ? 1U << VIRTIO_BLK_F_RO : 0);
}

virtio_blk_config disk::config() const {
  virtio_blk_config told{};
  told.capacity = sectors_;
  told.seg_max = 126;  // with header and status it fits a queue of 128
  told.blk_size = sector_bytes;
  return told;
}

bool disk::holds(std::uint64_t sector, std::uint64_t bytes) const {
  return bytes % sector_bytes == 0 && sector <= sectors_ && bytes / sector_bytes <= sectors_ - sector;
}

answer<std::uint32_t> disk::serve(chain& asked, bool write_through) const {
  virtio_blk_outhdr header;
  while (!asked.writable.empty() && asked.writable.back().iov_len == 0) asked.writable.pop_back();
  if (size_of(asked.readable) < sizeof header || asked.writable.empty()) {
    return std::unexpected{"a request without header or status"};
  }
  copy_from(asked.readable, &header, sizeof header);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // what is checked is what is used: not read a second time
  iovec& last = asked.writable.back();
  auto* const status = static_cast<std::byte*>(last.iov_base) + --last.iov_len;

  std::span out{asked.readable};
  drop_front(out, sizeof header);
  std::span in{asked.writable};
  drop_front(in, 0);
  const int image = image_.native_handle();
  const std::uint64_t offset = header.sector * sector_bytes;
  std::uint32_t written = 0;
  bool done = false;
  switch (header.type) {
    case VIRTIO_BLK_T_IN:
      written = static_cast<std::uint32_t>(size_of(in));
      done = holds(header.sector, written) && all_of(in, offset, [&](const iovec* pieces, int count, off_t at) {
               return preadv(image, pieces, count, at);
             });
      break;
    case VIRTIO_BLK_T_OUT:
      done = !read_only_ && holds(header.sector, size_of(out)) &&
             all_of(out, offset, [&](const iovec* pieces, int count, off_t at) {
               return pwritev2(image, pieces, count, at, write_through ? RWF_DSYNC : 0);
             });
      break;
    case VIRTIO_BLK_T_FLUSH:
      done = fdatasync(image) == 0;
      break;
    case VIRTIO_BLK_T_GET_ID: {
      static constexpr char name[VIRTIO_BLK_ID_BYTES] = "scm vhost-user-blk";
      written = static_cast<std::uint32_t>(std::min<std::uint64_t>(size_of(in), sizeof name));
      copy_to(in, {name, written});
      done = true;
      break;
    }
    default:
      *status = std::byte{VIRTIO_BLK_S_UNSUPP};
      return 1;
  }
  *status = done ? std::byte{VIRTIO_BLK_S_OK} : std::byte{VIRTIO_BLK_S_IOERR};
  return written + 1;
}

}  // namespace vhost_user
