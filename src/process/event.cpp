#include <scm/process/event.hpp>

#include "channel/wait.hpp"
#include "core/os_error.hpp"
#include "core/sys.hpp"

#include <utility>

namespace scm::inline v0_1 {

result<event> event::make() noexcept {
  owned_fd made{sys::eventfd(EFD_CLOEXEC)};
  if (!made) return detail::os_failure();
  return event{std::move(made)};
}

result<event, refusal> event::adopt(owned_fd&& received) noexcept {
  if (const auto admitted = admit(received, {.kinds = descriptor_kind::eventfd}); !admitted) {
    return std::unexpected{admitted.error()};
  }
  return event{std::move(received)};
}

result<void> event::signal() noexcept {
  // Whether a write waits is for O_NONBLOCK to say, which belongs to everybody who shares it; and eventfd has no write
  // with RWF_NOWAIT.
  detail::waiter look{dont_wait};
  for (;;) {
    if (const auto full = look.before(fd_.get(), POLLOUT)) return std::unexpected{full};
    constexpr std::uint64_t one = 1;
    if (sys::write(fd_.native_handle(), &one, sizeof one) == sizeof one) return {};
    if (errno != EINTR) return detail::os_failure();
  }
}

result<std::uint64_t> event::take(deadline until) noexcept {
  detail::waiter wait{until};
  for (;;) {
    std::uint64_t count = 0;
    if (sys::read_nowait(fd_.native_handle(), &count, sizeof count) == sizeof count) return count;
    const int number = errno;
    std::error_code give_up = detail::os_error(number);
    if (number == EINTR) give_up = wait.interrupted();
    if (number == EAGAIN) give_up = wait.ready(fd_.get(), POLLIN);
    if (give_up) return std::unexpected{give_up};
  }
}

}  // namespace scm::inline v0_1
