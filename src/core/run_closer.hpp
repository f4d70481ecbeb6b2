/// Closing many descriptors with few system calls.
#pragma once

#include "core/sys.hpp"

namespace scm::inline v0_1::detail {

/// Closes what it is given, in order: numbers that follow each other with one close_range(2), since the kernel installs
/// the descriptors of a message at consecutive numbers where it can. Nothing is closed before the next gap, or the end
/// of this value; errno stays as it is. The numbers must be owned by the caller, as for close(2).
class run_closer {
 public:
  run_closer() noexcept = default;
  run_closer(const run_closer&) = delete;
  run_closer& operator=(const run_closer&) = delete;
  ~run_closer() {
    flush();
    errno = before_;
  }

  /// `number` must not be negative.
  void add(int number) noexcept {
    if (count_ == 0 || number - first_ != count_) {
      flush();
      first_ = number;
    }
    ++count_;
  }

 private:
  void flush() noexcept {
    const int count = count_;
    count_ = 0;
    // Refused by kernels before 5.9 and by filters that do not know it: then nothing was closed.
    if (count > 1 && sys::close_range(static_cast<unsigned>(first_), static_cast<unsigned>(first_ + count - 1)) == 0) {
      return;
    }
    for (int i = 0; i != count; ++i) sys::close(first_ + i);
  }

  int before_ = errno;
  int first_ = 0;
  int count_ = 0;
};

}  // namespace scm::inline v0_1::detail
