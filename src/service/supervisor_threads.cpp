#include "service/supervisor_threads.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "core/uapi.hpp"
#include "service/supervisor_status.hpp"

#include <cerrno>

namespace scm::inline v0_1::detail {
namespace {

result<known_thread> opened(pid_t thread) noexcept {
  known_thread made;
  made.process = thread;
  made.pidfd.reset(sys::pidfd_open(thread, 0));
  if (made.pidfd) return made;
  if (errno != ENOENT && errno != EINVAL) return os_failure();
  // Not the first thread of its process, whose descriptor table may be another.
  made.alone = true;
  made.pidfd.reset(sys::pidfd_open(thread, uapi::pidfd_thread));
  const int failure = made.pidfd ? 0 : errno;
  if (failure != 0 && failure != EINVAL) return os_failure(failure);
  const auto status = status_of(thread);
  if (!status) return std::unexpected{status.error()};
  made.process = status->process;
  if (failure == 0) return made;
  made.alone = false;
  if (sys::compare_tables(thread, made.process) != 0) return os_failure(ENOSYS);
  made.pidfd.reset(sys::pidfd_open(made.process, 0));
  if (!made.pidfd) return os_failure();
  return made;
}

}  // namespace

result<const known_thread*> known_threads::find(pid_t thread) noexcept {
  if (const auto found = known_.find(thread); found != known_.end()) return &found->second;
  auto made = opened(thread);
  if (!made) return std::unexpected{made.error()};
  try {
    if (known_.size() >= most) known_.erase(known_.begin());
    return &known_.insert_or_assign(thread, std::move(*made)).first->second;
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
}

}  // namespace scm::inline v0_1::detail
