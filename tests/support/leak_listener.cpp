// Holds every test case to the descriptor table that it found.
#define CATCH_CONFIG_EXTERNAL_INTERFACES  // Catch2 2 declares listeners only on demand
#include "support/catch.hpp"
#include "support/descriptor_table.hpp"
#include "support/run_record.hpp"

#include <iostream>
#include <string>

namespace scm::test {
namespace {

#if __has_include(<catch2/catch_all.hpp>)
using listener_base = Catch::EventListenerBase;
#else
using listener_base = Catch::TestEventListenerBase;
#endif

class leak_listener : public listener_base {
 public:
  using listener_base::listener_base;

  void testRunStarting(const Catch::TestRunInfo& info) override {
    listener_base::testRunStarting(info);
    this_run().started = true;
  }

  void testCaseStarting(const Catch::TestCaseInfo& info) override {
    listener_base::testCaseStarting(info);
    this_run().current_was_skipped = false;
    name_ = info.name;
    before_ = descriptor_table::now();
  }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    const auto changes = difference(before_, descriptor_table::now());
    ++this_run().test_cases;
#ifdef SKIP  // Catch2 3.3: it keeps count of skips itself
    this_run().current_was_skipped = stats.totals.testCases.skipped > 0;
#endif
    if (stats.totals.assertions.failed > 0) {
      ++this_run().failed;
    } else if (this_run().current_was_skipped) {
      ++this_run().skipped;
    }
    if (!changes.empty()) {
      ++this_run().leaking;
      std::cerr << "The descriptor table is not as \"" << name_ << "\" found it:\n" << changes << std::flush;
    }
    listener_base::testCaseEnded(stats);
  }

 private:
  std::string name_;
  descriptor_table before_;
};

}  // namespace

CATCH_REGISTER_LISTENER(leak_listener)

}  // namespace scm::test
