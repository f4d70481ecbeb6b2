/// scm_bench: what passing descriptors costs, next to hand-written C.
#include "contest.hpp"
#include "curves.hpp"
#include "lineup.hpp"
#include "machine.hpp"
#include "options.hpp"
#include "table.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <utility>

namespace {

void run_curves(const bench::options& chosen, std::size_t may_be_in_flight) {
  const bench::contest_limits limits{chosen.rounds, chosen.time};
  std::mt19937 order{1};
  bench::print_json(bench::trace_curves(limits, may_be_in_flight, order));
}

void run_workloads(const bench::options& chosen, std::size_t may_be_in_flight) {
  const auto contenders = bench::lineup();
  if (!bench::absent().empty()) {
    fmt::print(stderr, "left out, as this program was built without: {}\n", bench::absent());
  }

  const bench::contest_limits limits{chosen.rounds, chosen.time / chosen.workloads.size()};
  std::mt19937 order{1};
  std::vector<bench::standing> standings;
  if (!chosen.json) bench::print_head();
  for (const bench::workload& work : chosen.workloads) {
    if (bench::most_in_flight(work) > may_be_in_flight) {
      fmt::print(stderr, "{}: left out: an unprivileged user needs a limit of {} open files (ulimit -Hn)\n", work.name,
                 bench::most_in_flight(work));
      continue;
    }
    auto results = bench::compete(work, contenders, limits, order);
    if (!chosen.json) bench::print_rows(results);
    for (auto& one : results) standings.push_back(std::move(one));
  }
  if (chosen.json) {
    bench::print_json(standings);
  } else {
    bench::print_verdict(standings);
  }
}

void run(const bench::options& chosen) {
  bench::limit_lifetime(chosen.time + std::chrono::seconds{15});
  bench::pin();
  bench::raise_priority();
  const std::size_t may_be_in_flight = bench::raise_descriptor_limit();
  if (chosen.curves) {
    run_curves(chosen, may_be_in_flight);
  } else {
    run_workloads(chosen, may_be_in_flight);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    std::string error;
    const auto chosen = bench::parse_options(argc, argv, error);
    if (!chosen) {
      fmt::print(stderr, "scm_bench: {}\n", error);
      return 2;
    }
    if (chosen->help) {
      fmt::print("{}", bench::usage());
      return 0;
    }
    run(*chosen);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "scm_bench: {}\n", error.what());
    return 1;
  }
}
