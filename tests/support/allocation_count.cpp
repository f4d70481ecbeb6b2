// Replaces every form of operator new and delete: a sanitizer's own would not forward to the ones we left out.
#include "support/allocation_count.hpp"
#include "support/allocation_failure.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

namespace {

thread_local std::size_t count = 0;

void* allocate(std::size_t size, std::size_t alignment = alignof(std::max_align_t)) noexcept {
  ++count;
  if (scm::test::allocations_left == 0) {
    if (scm::test::one_failure) scm::test::allocations_left = std::numeric_limits<std::size_t>::max();
    return nullptr;
  }
  --scm::test::allocations_left;
  void* memory = nullptr;
  const auto boundary = std::max(alignment, sizeof(void*));
  if (::posix_memalign(&memory, boundary, std::max<std::size_t>(size, 1)) != 0) return nullptr;
  return std::memset(memory, 0xaa, size);  // what nobody writes to shows
}

void* allocate_or_throw(std::size_t size, std::size_t alignment = alignof(std::max_align_t)) {
  if (void* memory = allocate(size, alignment)) {
    return memory;
  }
  throw std::bad_alloc();
}

constexpr std::size_t bytes(std::align_val_t alignment) noexcept { return static_cast<std::size_t>(alignment); }

}  // namespace

std::size_t scm::test::allocations_so_far() noexcept { return count; }

// clang-format off
void* operator new(std::size_t size) { return allocate_or_throw(size); }
void* operator new[](std::size_t size) { return allocate_or_throw(size); }
void* operator new(std::size_t size, std::align_val_t to) { return allocate_or_throw(size, bytes(to)); }
void* operator new[](std::size_t size, std::align_val_t to) { return allocate_or_throw(size, bytes(to)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void* operator new(std::size_t size, std::align_val_t to, const std::nothrow_t&) noexcept { return allocate(size, bytes(to)); }
void* operator new[](std::size_t size, std::align_val_t to, const std::nothrow_t&) noexcept { return allocate(size, bytes(to)); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
// clang-format on
