/// What a netlink batch gives the kernel to write to.
#pragma once

#include <scm/netlink/netlink_batch.hpp>

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace scm::inline v0_1 {

struct netlink_batch::vectors {
  std::vector<mmsghdr> headers;
  std::vector<iovec> rooms;
  std::vector<sockaddr_nl> names;
  std::vector<std::byte> bytes;
  std::size_t used;  // how many of the headers the kernel has written to since they were armed

  vectors(std::size_t datagrams, std::size_t size)
      : headers(datagrams), rooms(datagrams), names(datagrams), bytes(datagrams * size), used{datagrams} {
    for (std::size_t i = 0; i != datagrams; ++i) rooms[i] = {bytes.data() + i * size, size};
  }
};

}  // namespace scm::inline v0_1
