#include <scm/netlink/netlink_family.hpp>

#include <linux/netlink.h>

#include <algorithm>
#include <array>

namespace scm::inline v0_1 {
namespace {

struct entry {
  std::string_view name;
  netlink_family family;
};

constexpr auto families = std::to_array<entry>({{"route", netlink_family::route},
                                                {"user", netlink_family::user},
                                                {"sock_diag", netlink_family::sock_diag},
                                                {"nflog", netlink_family::nflog},
                                                {"xfrm", netlink_family::xfrm},
                                                {"selinux", netlink_family::selinux},
                                                {"iscsi", netlink_family::iscsi},
                                                {"audit", netlink_family::audit},
                                                {"fib_lookup", netlink_family::fib_lookup},
                                                {"connector", netlink_family::connector},
                                                {"netfilter", netlink_family::netfilter},
                                                {"dnrtmsg", netlink_family::dnrtmsg},
                                                {"uevent", netlink_family::uevent},
                                                {"generic", netlink_family::generic},
                                                {"scsi_transport", netlink_family::scsi_transport},
                                                {"ecryptfs", netlink_family::ecryptfs},
                                                {"rdma", netlink_family::rdma},
                                                {"crypto", netlink_family::crypto},
                                                {"smc", netlink_family::smc}});

static_assert(static_cast<int>(netlink_family::sock_diag) == NETLINK_SOCK_DIAG);
static_assert(static_cast<int>(netlink_family::uevent) == NETLINK_KOBJECT_UEVENT);
static_assert(static_cast<int>(netlink_family::generic) == NETLINK_GENERIC);
static_assert(static_cast<int>(netlink_family::smc) == NETLINK_SMC);

}  // namespace

std::string_view name_of(netlink_family family) noexcept {
  const auto* const found = std::ranges::find(families, family, &entry::family);
  return found == families.end() ? std::string_view{} : found->name;
}

std::optional<netlink_family> netlink_family_named(std::string_view name) noexcept {
  const auto* const found = std::ranges::find(families, name, &entry::name);
  if (found == families.end()) return {};
  return found->family;
}

}  // namespace scm::inline v0_1
