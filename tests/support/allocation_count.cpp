// Replaces every form of operator new and delete: a sanitizer's own would not forward to the ones we left out.
#include "support/allocation_count.hpp"
#include "support/allocation_failure.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>

#if defined(__SANITIZE_THREAD__)
#include <pthread.h>

#include <atomic>
#include <functional>
#include <memory>
#endif

namespace {

thread_local std::size_t count = 0;

#if defined(__SANITIZE_THREAD__)
// The malloc of GCC 12's thread sanitizer is not locked while a process forks: a child may wait in it for a thread that
// it does not have. So what was forked allocates here first, and gives nothing back.
class forked_memory {
 public:
  static void* allocate(std::size_t size, std::size_t boundary) noexcept {
    if (!forked) return nullptr;
    const std::size_t asked = size + boundary;
    const std::size_t at = used.fetch_add(asked, std::memory_order_relaxed);
    if (asked < size || at > room || room - at < asked) return nullptr;
    void* place = memory + at;
    std::size_t left = asked;
    return std::align(boundary, size, place, left);
  }
  static bool keeps(const void* pointer) noexcept {
    const std::less<const void*> before;
    return forked && (used < room || (!before(pointer, memory) && before(pointer, memory + room)));
  }

 private:
  static constexpr std::size_t room = std::size_t{64} << 20;
  alignas(std::max_align_t) static inline char memory[room];
  static inline std::atomic<std::size_t> used{0};
  static inline bool forked = false;
  static inline const int at_fork = ::pthread_atfork(nullptr, nullptr, [] { forked = true; });
};
#else
struct forked_memory {
  static void* allocate(std::size_t, std::size_t) noexcept { return nullptr; }
  static bool keeps(const void*) noexcept { return false; }
};
#endif

void give_back(void* memory) noexcept {
  if (!forked_memory::keeps(memory)) std::free(memory);
}

void* allocate(std::size_t size, std::size_t alignment = alignof(std::max_align_t)) noexcept {
  ++count;
  if (scm::test::allocations_left == 0) {
    if (scm::test::one_failure) scm::test::allocations_left = std::numeric_limits<std::size_t>::max();
    return nullptr;
  }
  --scm::test::allocations_left;
  const auto boundary = std::max(alignment, sizeof(void*));
  const auto taken = std::max<std::size_t>(size, 1);
  void* memory = forked_memory::allocate(taken, boundary);
  if (memory == nullptr && ::posix_memalign(&memory, boundary, taken) != 0) return nullptr;
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
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete[](void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { give_back(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { give_back(memory); }
// clang-format on
