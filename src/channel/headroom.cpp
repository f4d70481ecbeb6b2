#include "channel/headroom.hpp"

#include "core/sys.hpp"

#include <algorithm>
#include <climits>

namespace scm::inline v0_1::detail {

bool has_headroom(std::size_t wanted) noexcept {
  rlimit limit{};
  if (sys::getrlimit(RLIMIT_NOFILE, limit) != 0) return false;
  const rlim_t numbers = std::min<rlim_t>(limit.rlim_cur, INT_MAX);
  if (wanted > numbers) return false;

  // The size of this directory is the number of open descriptors. Those above a limit that was lowered count as well,
  // so that it can prove that there is room, but not that there is none.
  struct stat table{};
  if (sys::lstat("/proc/self/fd/", table) == 0 && table.st_size > 0) {
    const auto open = static_cast<rlim_t>(table.st_size);
    if (open <= numbers && numbers - open >= wanted) return true;
  }

  // From the top, where free numbers usually are; F_GETFD touches no open file.
  std::size_t free = 0;
  for (auto number = static_cast<long>(numbers) - 1; number >= 0 && free < wanted; --number) {
    if (sys::fcntl(static_cast<int>(number), F_GETFD) < 0) ++free;
  }
  return free >= wanted;
}

}  // namespace scm::inline v0_1::detail
