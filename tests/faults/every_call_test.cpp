// Faults at every call: each system call of each scenario fails in every way, one after the other.
#include "support/every_call.hpp"

#include "faults/asking.hpp"
#include "faults/batches.hpp"
#include "faults/confining.hpp"
#include "faults/foreign.hpp"
#include "faults/making.hpp"
#include "faults/messages.hpp"
#include "faults/netlink.hpp"
#include "faults/records.hpp"
#include "faults/sharing.hpp"
#include "faults/starting.hpp"
#include "support/catch.hpp"

#include <vector>

using namespace scm;
using namespace scm::test;

namespace {
std::vector<scenario> all_scenarios() {
  std::vector<scenario> all = scenarios_of_making();
  for (auto& more : {scenarios_of_messages(), scenarios_of_batches(), scenarios_of_records(), scenarios_of_asking(),
                     scenarios_of_sharing(), scenarios_of_starting(), scenarios_of_confining(), scenarios_of_netlink(),
                     scenarios_of_foreign()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}
}  // namespace

TEST_CASE("whichever system call fails, and however, its caller gets the right error and everything goes on",
          "[faults][no-valgrind]") {
  every_call tried;
  const std::vector<scenario> all = all_scenarios();
  for (const scenario& one : all) tried.one_at_a_time(one);
  CHECK(all.size() >= 150);
  CHECK(tried.distinct() >= 3000);  // different in scenario, place, call or error
}

TEST_CASE("from whichever system call on nothing succeeds, there is an error and nothing leaks",
          "[faults][no-valgrind]") {
  every_call tried;
  for (const scenario& one : all_scenarios()) tried.from_there_on(one);
  CHECK(tried.distinct() >= 300);
}
