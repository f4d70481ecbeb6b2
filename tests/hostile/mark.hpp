// A point that another process reaches, and that one can wait for.
#pragma once

#include <scm/core/fd.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace scm::test {

class mark {
 public:
  mark() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
    read_.reset(ends[0]);
    write_.reset(ends[1]);
  }
  void reach() const { (void)!::write(write_.native_handle(), "x", 1); }
  // False when whoever was to reach it is gone, or hangs.
  bool wait() {
    write_.reset();
    constexpr int patience = 20'000;
    pollfd end{read_.native_handle(), POLLIN, 0};
    char byte = 0;
    return ::poll(&end, 1, patience) == 1 && ::read(read_.native_handle(), &byte, 1) == 1;
  }

 private:
  owned_fd read_, write_;
};

}  // namespace scm::test
