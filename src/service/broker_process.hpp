/// A process whose end is waited for beside many others, in one epoll descriptor.
#pragma once

#include "core/os_error.hpp"
#include "core/sys.hpp"

#include <scm/core/fd.hpp>

#include <cstdint>
#include <utility>

namespace scm::inline v0_1::detail {

/// A pidfd, and its place in an epoll descriptor, which must outlive it. An empty one waits for nobody.
///
/// It leaves that place before it is closed: epoll forgets a descriptor by itself only when nobody in any process holds
/// the same open file any more, and whoever stored it does.
class watched_process {
 public:
  watched_process() noexcept = default;
  /// Adds it; the epoll descriptor tells of its end with `number`. On error the caller still owns the pidfd. Errors:
  /// epoll_ctl(2)'s.
  [[nodiscard]] static result<watched_process> make(owned_fd&& pidfd, borrowed_fd epoll,
                                                    std::uint64_t number) noexcept {
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.u64 = number;
    if (sys::epoll_ctl(epoll.native_handle(), EPOLL_CTL_ADD, pidfd.native_handle(), interest) != 0) {
      return os_failure();
    }
    return watched_process{std::move(pidfd), epoll};
  }

  watched_process(watched_process&& other) noexcept = default;
  watched_process& operator=(watched_process&& other) noexcept {
    if (this != &other) {
      leave();
      pidfd_ = std::move(other.pidfd_);
      epoll_ = other.epoll_;
    }
    return *this;
  }
  ~watched_process() { leave(); }

  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(pidfd_); }
  [[nodiscard]] borrowed_fd pidfd() const noexcept { return pidfd_.get(); }

 private:
  watched_process(owned_fd&& pidfd, borrowed_fd epoll) noexcept : pidfd_{std::move(pidfd)}, epoll_{epoll} {}

  void leave() noexcept {
    if (!pidfd_) return;
    epoll_event nothing{};
    (void)sys::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, pidfd_.native_handle(), nothing);
    pidfd_.reset();
  }

  owned_fd pidfd_;
  borrowed_fd epoll_{-1};
};

}  // namespace scm::inline v0_1::detail
