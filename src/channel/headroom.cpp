#include "channel/headroom.hpp"

#include "core/sys.hpp"

#include <algorithm>
#include <climits>

namespace scm::inline v0_1::detail {

std::size_t headroom(std::size_t least, std::size_t most) noexcept {
  rlimit limit{};
  if (sys::getrlimit(RLIMIT_NOFILE, limit) != 0) return 0;
  const rlim_t numbers = std::min<rlim_t>(limit.rlim_cur, INT_MAX);
  if (least > numbers) return 0;

  // The size of this directory is the number of open descriptors. Those above a limit that was lowered count as well,
  // so that it can prove that there is room, but not that there is none.
  struct stat table{};
  if (sys::lstat("/proc/self/fd/", table) == 0 && table.st_size > 0) {
    const auto open = static_cast<rlim_t>(table.st_size);
    if (open <= numbers && numbers - open >= least)
      return static_cast<std::size_t>(std::min<rlim_t>(numbers - open, most));
  }

  // From the top, where free numbers usually are; F_GETFD touches no open file.
  std::size_t free = 0;
  for (auto number = static_cast<long>(numbers) - 1; number >= 0 && free < least; --number) {
    if (sys::fcntl(static_cast<int>(number), F_GETFD) < 0) ++free;
  }
  return free;
}

}  // namespace scm::inline v0_1::detail
