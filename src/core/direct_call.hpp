/// The calls of each message, made without the C library's functions around them.
///
/// Those are reached by an indirect jump and left by a return, which the processor mispredicts after each system call,
/// since the kernel empties its predictors. Sanitizers need them, to know what a call reads and
/// writes; and other C libraries than glibc have structures that differ from the kernel's.
#pragma once

#include <cerrno>

#if defined(__has_feature)
#define SCM_SANITIZER(name) __has_feature(name)
#else
#define SCM_SANITIZER(name) 0
#endif
#if defined(__GLIBC__) && defined(__LP64__) && (defined(__x86_64__) || defined(__aarch64__)) &&             \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !SCM_SANITIZER(address_sanitizer) && \
    !SCM_SANITIZER(thread_sanitizer) && !SCM_SANITIZER(memory_sanitizer)
#define SCM_DIRECT_CALLS 1
#else
#define SCM_DIRECT_CALLS 0
#endif

#if SCM_DIRECT_CALLS
namespace scm::sys {

/// As syscall(2), for three arguments: -1 and errno, or what the kernel answered.
[[gnu::always_inline]] inline long direct_call(long number, long first, const void* second, long third) noexcept {
#if defined(__x86_64__)
  long answer;
  asm volatile("syscall" : "=a"(answer) : "a"(number), "D"(first), "S"(second), "d"(third) : "rcx", "r11", "memory");
#else
  register long answer asm("x0") = first;
  register const void* x1 asm("x1") = second;
  register long x2 asm("x2") = third;
  register long x8 asm("x8") = number;
  asm volatile("svc 0" : "+r"(answer) : "r"(x1), "r"(x2), "r"(x8) : "memory");
#endif
  if (answer >= 0) [[likely]]
    return answer;
  errno = static_cast<int>(-answer);
  return -1;
}

}  // namespace scm::sys
#endif
