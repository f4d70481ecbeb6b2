/// What many rounds say: the middle, and how far they stray from it.
#pragma once

#include <vector>

namespace bench {

struct spread {
  double min = 0;
  double median = 0;
  double max = 0;
};

/// Of at least one sample.
[[nodiscard]] spread spread_of(std::vector<double> samples);

}  // namespace bench
