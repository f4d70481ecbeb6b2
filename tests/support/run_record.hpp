// What this run of a test program has seen beyond Catch2's own totals.
#pragma once

namespace scm::test {

struct run_record {
  bool started = false;  // false when the program only listed its tests
  bool current_was_skipped = false;
  unsigned test_cases = 0;
  unsigned failed = 0;
  unsigned skipped = 0;
  unsigned leaking = 0;  // test cases that left another descriptor table than they found
};

run_record& this_run() noexcept;

}  // namespace scm::test
