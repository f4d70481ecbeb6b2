// main() of every test program: Catch2's verdict, then the descriptor table's, then that of the skipped tests.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"
#include "support/run_record.hpp"

#include <cstdlib>
#include <iostream>

namespace scm::test {

run_record& this_run() noexcept {
  static run_record record;
  return record;
}

}  // namespace scm::test

int main(int argc, char** argv) {
  constexpr int all_skipped = 4;  // ctest's SKIP_RETURN_CODE

  const int verdict = Catch::Session().run(argc, argv);
  const auto& run = scm::test::this_run();
  if (!run.started) {
    return verdict;  // it listed its tests, or did not understand its arguments
  }
  if (run.leaking > 0) {
    std::cerr << run.leaking << " of " << run.test_cases << " test cases changed the descriptor table\n";
    return EXIT_FAILURE;
  }
  if (run.test_cases == 0) {
    // A name that matches nothing would otherwise pass, and nobody misses a test that is lost that way.
    std::cerr << "no test case matches\n";
    return EXIT_FAILURE;
  }
  if (run.failed == 0 && run.skipped == run.test_cases) {
    return all_skipped;
  }
  // Never Catch2's own number: versions before 3.6 return how many checks have failed, and four of them are no skip.
  return verdict == 0 && run.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
