#include "faults/foreign.hpp"
#include "support/allocation_count.hpp"
#include "support/catch.hpp"

using namespace scm;
using namespace scm::test;

TEST_CASE("a message of eight buffers is read, converted and answered without allocating", "[allocation]") {
  const own_message message{8, 256};
  std::error_code code;
  const allocation_count counted;
  code = carried_out(message);
  CHECK(counted.so_far() == 0);
  CHECK(!code);
}
