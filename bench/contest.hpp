/// Many short rounds of all contenders in turn, so that what disturbs one disturbs its neighbours as well.
#pragma once

#include "contender.hpp"
#include "statistics.hpp"
#include "workload.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace bench {

struct contest_limits {
  std::size_t rounds;
  std::chrono::nanoseconds time;  ///< After which no further round is begun.
};

struct standing {
  std::string workload;
  std::string contender;
  spread nanoseconds;  ///< For each message.
  spread ratio;        ///< To the first contender in the same round.
};

/// Those contenders that suit the work, in an order drawn anew for each round; the first of them, which suits any, is
/// what the others are compared with.
[[nodiscard]] std::vector<standing> compete(const workload& work, std::span<const std::unique_ptr<contender>> all,
                                            const contest_limits& limits, std::mt19937& order);

}  // namespace bench
