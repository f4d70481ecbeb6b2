/// What the kernel says to control data that is sent: the verdict of sendmsg(2), predicted.
#pragma once

#include <scm/core/control_items.hpp>

#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>

namespace scm::inline v0_1::fuzz {

/// What a sender may claim in SCM_CREDENTIALS (kernel facts E5, E6).
struct sender {
  pid_t pid;                  ///< Of the process, not of a thread.
  std::array<uid_t, 3> uids;  ///< Real, effective, saved.
  std::array<gid_t, 3> gids;
  bool any_pid = false;  ///< CAP_SYS_ADMIN over its pid namespace.
  bool any_uid = false;  ///< CAP_SETUID.
  bool any_gid = false;  ///< CAP_SETGID.

  /// The calling thread as it is now (getresuid(2), capget(2)), taking its pid namespace for one of its own user's.
  [[nodiscard]] static sender self() noexcept {
    sender who{::getpid(), {}, {}};
    ::getresuid(&who.uids[0], &who.uids[1], &who.uids[2]);
    ::getresgid(&who.gids[0], &who.gids[1], &who.gids[2]);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> held{};
    ::syscall(SYS_capget, &header, held.data());
    const auto has = [&](unsigned capability) { return (held[0].effective >> capability & 1) != 0; };
    who.any_pid = has(CAP_SYS_ADMIN);
    who.any_uid = has(CAP_SETUID);
    who.any_gid = has(CAP_SETGID);
    return who;
  }
};

/// What the kernel does with the control data of one message.
struct send_verdict {
  int error = 0;                       ///< The errno of sendmsg(2), or 0; with an error nothing is sent.
  std::size_t descriptors = 0;         ///< That travel.
  std::optional<credentials> claimed;  ///< The last ones given.
};

/// The verdict on control data that is sent over a Unix socket by a process of that layout to a 64-bit kernel (kernel
/// fact G): LP64 natively, ILP32 through the compat layer, which is stricter. What the socket, the peer or a limit
/// objects to comes after it. Larger data than net.core.optmem_max is refused by memory, which is not modelled.
///
/// `descriptor_error(number)` says what is wrong with a slot: 0, EBADF, or EINVAL for what cannot travel (io_uring).
/// `process_exists(pid)` whether there is such a process, `ids_exist(uid, gid)` whether the user namespace maps both.
template <class DescriptorError, class ProcessExists, class IdsExist>
[[nodiscard]] send_verdict judge_send(std::span<const std::byte> control, abi layout, const sender& who,
                                      DescriptorError descriptor_error, ProcessExists process_exists,
                                      IdsExist ids_exist) {
  const auto refused = [](int number) {
    send_verdict none;
    none.error = number;
    return none;
  };

  // The compat layer converts everything before the rest of the kernel looks at any of it.
  if (layout == abi::ilp32) {
    std::size_t end = 0;
    control_view structure{control, layout};
    while (const auto item = structure.next()) {
      end = cmsg_align(item->offset + cmsg_header_size(layout) + item->payload.size(), layout);
    }
    if (structure.error() || control.size() > end) return refused(EINVAL);
  }

  send_verdict verdict;
  control_view walk{control, layout};
  while (const auto item = walk.next()) {
    if (item->level != SOL_SOCKET) continue;
    if (item->type == SCM_RIGHTS) {
      const rights_view slots = as_rights(*item);
      if (slots.size() > limits::descriptors_per_message - verdict.descriptors) return refused(EINVAL);
      for (std::size_t i = 0; i != slots.size(); ++i) {
        if (const int wrong = descriptor_error(slots[i]); wrong != 0) return refused(wrong);
      }
      verdict.descriptors += slots.size();
    } else if (item->type == SCM_CREDENTIALS) {
      const auto claim = as_credentials(*item);
      if (!claim || !ids_exist(claim->uid, claim->gid)) return refused(EINVAL);
      const bool permitted = (who.any_pid || claim->pid == who.pid) &&
                             (who.any_uid || std::ranges::find(who.uids, claim->uid) != who.uids.end()) &&
                             (who.any_gid || std::ranges::find(who.gids, claim->gid) != who.gids.end());
      if (!permitted) return refused(EPERM);
      if (!process_exists(claim->pid)) return refused(ESRCH);
      verdict.claimed = *claim;
    } else {
      return refused(EINVAL);
    }
  }
  return walk.error() ? refused(EINVAL) : verdict;
}

}  // namespace scm::inline v0_1::fuzz
