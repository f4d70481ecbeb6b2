// Counts what a scope allocates. Only in programs that link scm_allocation_count, which replaces operator new.
#pragma once

#include <cstddef>

namespace scm::test {

// Calls of operator new, in all its forms, by the calling thread since it began. malloc() itself is not counted.
std::size_t allocations_so_far() noexcept;

class allocation_count {
 public:
  std::size_t so_far() const noexcept { return allocations_so_far() - before_; }

 private:
  std::size_t before_ = allocations_so_far();
};

}  // namespace scm::test
