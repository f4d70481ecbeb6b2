#include "contest.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace bench {
namespace {

/// Shorter than a time slice of the scheduler, so that most measurements are not interrupted by another process.
constexpr double measurement_ns = 2e6;
constexpr std::size_t fewest_messages = 16;

/// A multiple of `step`.
std::size_t messages_for(const workload& work, contender& who, std::size_t step) {
  double ns = measure(work, who, fewest_messages);
  for (int i = 0; i != 4; ++i) ns = std::min(ns, measure(work, who, 64));
  const auto messages = static_cast<std::size_t>(measurement_ns / ns);
  return (std::max(messages, fewest_messages) + step - 1) / step * step;
}

}  // namespace

std::vector<standing> compete(const workload& work, std::span<const std::unique_ptr<contender>> all,
                              const contest_limits& limits, std::mt19937& order) {
  const auto stop = std::chrono::steady_clock::now() + limits.time;
  std::vector<contender*> contenders;
  std::size_t step = std::max<std::size_t>(work.burst, 2);  // whole round trips, bursts and batches
  for (const auto& one : all) {
    if (!suits(work, *one)) continue;
    contenders.push_back(one.get());
    step = std::lcm(step, one->batch());
  }
  const std::size_t messages = messages_for(work, *contenders.front(), step);

  std::vector<std::size_t> turns(contenders.size());
  std::iota(turns.begin(), turns.end(), 0);
  std::vector<double> round(contenders.size());
  std::vector<std::vector<double>> nanoseconds(contenders.size());
  std::vector<std::vector<double>> ratios(contenders.size());
  for (std::size_t i = 0; i != limits.rounds; ++i) {
    if (i != 0 && std::chrono::steady_clock::now() >= stop) break;
    std::ranges::shuffle(turns, order);
    for (const std::size_t who : turns) round[who] = measure(work, *contenders[who], messages);
    for (std::size_t who = 0; who != round.size(); ++who) {
      nanoseconds[who].push_back(round[who]);
      ratios[who].push_back(round[who] / round.front());
    }
  }

  std::vector<standing> standings;
  for (std::size_t who = 0; who != contenders.size(); ++who) {
    standings.push_back({std::string{work.name}, contenders[who]->name(), spread_of(std::move(nanoseconds[who])),
                         spread_of(std::move(ratios[who]))});
  }
  return standings;
}

}  // namespace bench
