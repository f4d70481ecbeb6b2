// Descriptors whose fate can be seen from outside: which file arrived, and whether the last copy has been closed.
#pragma once

#include <scm/core/fd.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace scm::test {

inline ino_t inode_of(borrowed_fd fd) {
  struct stat status{};
  if (::fstat(fd.native_handle(), &status) != 0) throw std::system_error(errno, std::generic_category(), "fstat");
  return status.st_ino;
}

// A pipe: the test keeps the reading end, and what is tested gets the writing end. A number tells nothing about a
// descriptor, because it is reused; a hang-up on the reading end comes from the kernel, once no writer is left
// anywhere.
class witness {
 public:
  witness() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
    watched_.reset(ends[0]);
    given_.reset(ends[1]);
    inode_ = inode_of(given_);
  }

  // The writing end, once.
  owned_fd give() noexcept { return static_cast<owned_fd&&>(given_); }
  int give_number() noexcept { return given_.release(); }

  // The same, lent as long as it was not given.
  borrowed_fd lent() const noexcept { return given_.get(); }
  // The reading end.
  borrowed_fd watched() const noexcept { return watched_.get(); }

  bool closed() const { return closed_within(0); }
  // Waits so long for that, or for bytes, which there are none of as a rule.
  bool closed_within(int milliseconds) const {
    pollfd end{watched_.native_handle(), POLLIN, 0};
    if (::poll(&end, 1, milliseconds) < 0) throw std::system_error(errno, std::generic_category(), "poll");
    return (end.revents & POLLHUP) != 0;
  }
  bool is(borrowed_fd fd) const { return fd && inode_of(fd) == inode_; }

 private:
  owned_fd watched_;
  owned_fd given_;
  ino_t inode_{};
};

}  // namespace scm::test
