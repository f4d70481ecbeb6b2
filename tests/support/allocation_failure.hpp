// Makes allocations of a scope fail. Only in programs that link scm_allocation_count, which replaces operator new.
#pragma once

#include <cstddef>
#include <limits>

namespace scm::test {

// Allocations that the calling thread may still make; operator new counts it down.
inline thread_local std::size_t allocations_left = std::numeric_limits<std::size_t>::max();
// Whether the first failure of the calling thread is its last.
inline thread_local bool one_failure = false;

// While this lives, the calling thread's first `good` allocations succeed and all later ones fail, or only the next.
class allocation_failure {
 public:
  explicit allocation_failure(std::size_t good = 0, bool only_one = false) noexcept {
    allocations_left = good;
    one_failure = only_one;
  }
  allocation_failure(const allocation_failure&) = delete;
  allocation_failure& operator=(const allocation_failure&) = delete;
  ~allocation_failure() { allocations_left = std::numeric_limits<std::size_t>::max(); }
};

}  // namespace scm::test
