/// The parts of the kernel that netlink sockets talk to.
#pragma once

#include <scm/core/config.hpp>

#include <optional>
#include <string_view>

namespace scm::inline v0_1 {

/// By the numbers of <linux/netlink.h>. Which there are depends on how the kernel was built; those that have no user of
/// theirs left are missing here.
enum class netlink_family : unsigned char {
  route = 0,      ///< rtnetlink(7): links, addresses, routes.
  user = 2,       ///< NETLINK_USERSOCK: between processes.
  sock_diag = 4,  ///< sock_diag(7)
  nflog = 5,      ///< netfilter's log of old
  xfrm = 6,       ///< IPsec
  selinux = 7,    ///< what SELinux tells of itself
  iscsi = 8,
  audit = 9,
  fib_lookup = 10,
  connector = 11,
  netfilter = 12,
  dnrtmsg = 14,
  uevent = 15,   ///< NETLINK_KOBJECT_UEVENT: devices come and go.
  generic = 16,  ///< families by name: genl(8)
  scsi_transport = 18,
  ecryptfs = 19,
  rdma = 20,
  crypto = 21,
  smc = 22,
};

/// The enumerator's own spelling.
[[nodiscard]] SCM_API std::string_view name_of(netlink_family family) noexcept;
/// The family that is called so, in that spelling.
[[nodiscard]] SCM_API std::optional<netlink_family> netlink_family_named(std::string_view name) noexcept;

}  // namespace scm::inline v0_1
