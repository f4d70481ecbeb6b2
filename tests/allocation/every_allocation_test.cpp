// Faults at every allocation: each one of each scenario fails, alone and with all that follow it.
#include "faults/asking.hpp"
#include "faults/batches.hpp"
#include "faults/foreign.hpp"
#include "faults/making.hpp"
#include "faults/messages.hpp"
#include "faults/records.hpp"
#include "support/allocation_count.hpp"
#include "support/allocation_failure.hpp"
#include "support/catch.hpp"
#include "support/descriptor_table.hpp"

#include <limits>
#include <set>
#include <string>
#include <vector>

using namespace scm;
using namespace scm::test;

namespace {

// Runs a scenario with `good` allocations in the part under test, and says how many it asked for.
std::error_code run(const scenario& of, std::size_t good, bool only_one, std::size_t& asked) {
  const descriptor_table before = descriptor_table::now();
  const auto code = of.run({[&](const ordeal::part& tried) {
    const allocation_count counted;
    const allocation_failure from_there{good, only_one};
    const auto result = tried();
    asked = counted.so_far();
    return result;
  }});
  if (const auto after = descriptor_table::now(); after != before) FAIL_CHECK(difference(before, after));
  return code;
}

}  // namespace

TEST_CASE("whichever allocation fails, its caller is told and everything goes on", "[allocation]") {
  std::vector<scenario> all = scenarios_of_making();
  for (auto& more : {scenarios_of_messages(), scenarios_of_batches(), scenarios_of_records(), scenarios_of_asking(),
                     scenarios_of_foreign()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  // Without its stumble, which takes the seam, a scenario is the same as another one.
  std::erase_if(all, [](const scenario& one) { return one.stumble.has_value(); });

  std::size_t failures = 0;
  std::set<std::string> needing;
  for (const scenario& one : all) {
    INFO(one.name);
    std::size_t needed = 0;
    const auto clean = run(one, std::numeric_limits<std::size_t>::max(), false, needed);
    for (std::size_t good = 0; good != needed; ++good) {
      for (const bool only_one : {false, true}) {
        INFO("allocation " << good + 1 << " of " << needed << " fails" << (only_one ? "" : ", and all that follow"));
        std::size_t asked = 0;
        CHECK(run(one, good, only_one, asked) == std::errc::not_enough_memory);
        CHECK(asked > good);
        ++failures;
        needing.insert(one.name);
      }
    }
    std::size_t asked = 0;
    CHECK(run(one, needed, false, asked) == clean);  // it needs no more than it said
  }
  CHECK(needing.size() >= 20);  // many descriptors in and out, and what has a long name or path
  CHECK(failures >= 50);
}
