/// What a netlink batch gives the kernel to write to.
#pragma once

#include <scm/core/cmsg.hpp>
#include <scm/netlink/netlink_batch.hpp>

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>

namespace scm::inline v0_1 {

struct netlink_batch::vectors {
  struct alignas(cmsghdr) control {
    std::array<std::byte, control_room{.credentials = true}.bytes()> bytes;
  };

  std::vector<mmsghdr> headers;
  std::vector<iovec> rooms;
  std::vector<sockaddr_nl> names;
  std::vector<control> controls;
  std::vector<std::byte> bytes;
  std::size_t used;          // how many of the headers the kernel has written to since they were armed
  bool credentials = false;  // whether they are armed for them

  vectors(std::size_t datagrams, std::size_t size)
      : headers(datagrams),
        rooms(datagrams),
        names(datagrams),
        controls(datagrams),
        bytes(datagrams * size),
        used{datagrams} {
    for (std::size_t i = 0; i != datagrams; ++i) rooms[i] = {bytes.data() + i * size, size};
  }
};

}  // namespace scm::inline v0_1
