/// Who is let in: `control_access` as a decision. No sockets.
#pragma once

#include <scm/core/credentials.hpp>
#include <scm/service/control_options.hpp>

#include <algorithm>
#include <optional>

namespace scm::inline v0_1::detail {

/// Whether whoever the kernel names may speak; nobody named may not.
[[nodiscard]] inline bool lets_in(const control_access& access, const std::optional<credentials>& sender) noexcept {
  if (!sender || sender->pid <= 0) return false;
  if (sender->uid == 0 && sender->gid == 0) return true;
  if (access.uids.empty() && access.gids.empty()) return false;
  const auto allowed = [](const auto& ids, auto id) { return ids.empty() || std::ranges::find(ids, id) != ids.end(); };
  return allowed(access.uids, sender->uid) && allowed(access.gids, sender->gid);
}

}  // namespace scm::inline v0_1::detail
