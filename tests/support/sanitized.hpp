// Whether a sanitizer runs beside the tests: it makes system calls of its own, and takes its time.
#pragma once

#if defined(__has_feature)
#define SCM_HAS_FEATURE(name) __has_feature(name)
#else
#define SCM_HAS_FEATURE(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || SCM_HAS_FEATURE(address_sanitizer) || \
    SCM_HAS_FEATURE(thread_sanitizer)
#define SCM_SANITIZED 1
#else
#define SCM_SANITIZED 0
#endif
