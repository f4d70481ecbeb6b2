#include <scm/core/fd.hpp>

#include "core/os_error.hpp"
#include "core/sys.hpp"

namespace scm::inline v0_1 {

void detail::close_descriptor(int number) noexcept {
  const int before = errno;  // a destructor must not change what the caller is about to report
  sys::close(number);
  errno = before;
}

result<owned_fd> duplicate(borrowed_fd fd) noexcept {
  const int number = sys::fcntl(fd.native_handle(), F_DUPFD_CLOEXEC);
  if (number < 0) return detail::os_failure();
  return owned_fd{number};
}

}  // namespace scm::inline v0_1
