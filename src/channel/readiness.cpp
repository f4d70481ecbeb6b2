#include <scm/channel/readiness.hpp>

#include "core/os_error.hpp"
#include "core/sys.hpp"

namespace scm::inline v0_1 {

result<owned_fd> watch(borrowed_fd socket, readiness what) noexcept {
  owned_fd made{sys::epoll_create1(EPOLL_CLOEXEC)};
  if (!made) return detail::os_failure();
  epoll_event interest{};
  interest.events = what == readiness::receivable ? EPOLLIN | EPOLLRDHUP : EPOLLOUT;
  if (sys::epoll_ctl(made.native_handle(), EPOLL_CTL_ADD, socket.native_handle(), interest) < 0) {
    return detail::os_failure();
  }
  return made;
}

}  // namespace scm::inline v0_1
