// FUZZ_CHECK(condition): a property that every input must have; without it the process prints which and aborts.
#pragma once

#include <cstdio>
#include <cstdlib>

// Not assert(): NDEBUG must not turn a fuzz target into one that cannot fail.
#define FUZZ_CHECK(condition)                                                                  \
  do {                                                                                         \
    if (!(condition)) {                                                                        \
      std::fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                            \
    }                                                                                          \
  } while (false)
