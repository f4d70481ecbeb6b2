/// A raw image as a virtio block device: what one request asks for is done, and its status written.
#pragma once

#include "../vhost-user/virtqueue.hpp"

#include <scm/core/fd.hpp>

#include <linux/virtio_blk.h>

namespace vhost_user {

class disk {
 public:
  static constexpr std::uint64_t sector_bytes = 512;

  /// Of a regular file or block device, which stays as long as it is.
  static answer<disk> open(scm::owned_fd image, bool read_only);

  /// Looks at the image's size again; true when it has changed.
  bool measure();
  [[nodiscard]] std::uint64_t features() const;
  [[nodiscard]] virtio_blk_config config() const;

  /// Bytes written to the request's buffers; an error when there is no room for a status. `write_through` is for a
  /// driver that never asks to flush.
  answer<std::uint32_t> serve(chain& asked, bool write_through) const;

 private:
  disk(scm::owned_fd image, bool read_only) : image_{std::move(image)}, read_only_{read_only} {}
  [[nodiscard]] bool holds(std::uint64_t sector, std::uint64_t bytes) const;

  scm::owned_fd image_;
  std::uint64_t sectors_ = 0;
  bool read_only_;
};

}  // namespace vhost_user
