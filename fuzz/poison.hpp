// poison(bytes, on): makes a sanitizer see every access to these bytes, until it is taken back.
#pragma once

#include <cstddef>
#include <span>

#if defined(__SANITIZE_ADDRESS__)
#define SCM_FUZZ_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SCM_FUZZ_POISONS 1
#endif
#endif
#if SCM_FUZZ_POISONS
#include <sanitizer/asan_interface.h>
#endif

namespace scm::fuzz_support {

inline void poison([[maybe_unused]] std::span<const std::byte> bytes, [[maybe_unused]] bool on) noexcept {
#if SCM_FUZZ_POISONS
  if (on) {
    __asan_poison_memory_region(bytes.data(), bytes.size());
  } else {
    __asan_unpoison_memory_region(bytes.data(), bytes.size());
  }
#endif
}

}  // namespace scm::fuzz_support
