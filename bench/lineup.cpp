#include "lineup.hpp"

namespace bench {

std::vector<std::unique_ptr<contender>> lineup() {
  std::vector<std::unique_ptr<contender>> all;
  all.push_back(make_plain_c(baseline));
  all.push_back(make_plain_c(baseline_again));
  all.push_back(make_stream_c());
  all.push_back(make_batched_c(32));
  all.push_back(make_packed_c(32));
  all.push_back(make_scm());
  return all;
}

}  // namespace bench
