// SCM_SKIP(reason): leaves a test case that this kernel or machine cannot run, and has ctest count it as skipped.
#pragma once

#include "support/catch.hpp"
#include "support/run_record.hpp"

// Belongs in the body of the test case or section itself, because with Catch2 2 it returns from there. The program
// exits with 4 when all it ran was skipped; a failure, or a leaked descriptor, before the skip still counts.
#ifdef SKIP
#define SCM_SKIP(reason) SKIP(reason)
#else
#define SCM_SKIP(reason)                                \
  do {                                                  \
    ::scm::test::this_run().current_was_skipped = true; \
    WARN("skipped: " << reason);                        \
    return;                                             \
  } while (false)
#endif
