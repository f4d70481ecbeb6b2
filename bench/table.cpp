#include "table.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace bench {
namespace {

/// Between two runs of the same code; a difference that is not larger says nothing.
constexpr double trusted_noise = 0.01;

/// Times in ns and ratios, to three places: no measurement is better.
double rounded(double value) { return std::round(value * 1000) / 1000; }

void put(nlohmann::ordered_json& object, const standing& one) {
  object["contender"] = one.contender;
  object["ns_min"] = rounded(one.nanoseconds.min);
  object["ns_median"] = rounded(one.nanoseconds.median);
  object["ns_max"] = rounded(one.nanoseconds.max);
  object["ratio_min"] = rounded(one.ratio.min);
  object["ratio_median"] = rounded(one.ratio.median);
  object["ratio_max"] = rounded(one.ratio.max);
}

}  // namespace

void print_head() {
  fmt::print("{:<14} {:<20} {:>9} {:>9} {:>9}   {:>6} {:>6} {:>6}\n", "", "", "ns per", "", "", "ratio", "", "");
  fmt::print("{:<14} {:<20} {:>9} {:>9} {:>9}   {:>6} {:>6} {:>6}\n", "workload", "contender", "message", "min", "max",
             "median", "min", "max");
}

void print_rows(std::span<const standing> standings) {
  for (const standing& one : standings) {
    fmt::print("{:<14} {:<20} {:>9.0f} {:>9.0f} {:>9.0f}   {:>6.3f} {:>6.3f} {:>6.3f}\n",
               &one == standings.data() ? one.workload : "", one.contender, one.nanoseconds.median, one.nanoseconds.min,
               one.nanoseconds.max, one.ratio.median, one.ratio.min, one.ratio.max);
  }
  std::fflush(stdout);
}

void print_verdict(std::span<const standing> standings) {
  if (standings.empty()) return;
  double noise = 0;
  for (const standing& one : standings) {
    if (one.contender == baseline_again) noise = std::max(noise, std::abs(one.ratio.median - 1));
  }
  fmt::print("\nThe same C code twice differs by up to {:.1f} %: {}\n", noise * 100,
             noise <= trusted_noise ? "differences above 1 % mean something."
                                    : "too noisy to tell 1 % apart; repeat on a quieter machine, or with more rounds.");
}

void print_json(std::span<const standing> standings) {
  auto list = nlohmann::ordered_json::array();
  for (const standing& one : standings) {
    nlohmann::ordered_json object;
    object["workload"] = one.workload;
    put(object, one);
    list.push_back(std::move(object));
  }
  fmt::print("{}\n", list.dump(2));
}

void print_json(std::span<const curve_point> points) {
  auto list = nlohmann::ordered_json::array();
  for (const curve_point& one : points) {
    nlohmann::ordered_json object;
    object["curve"] = one.curve;
    object["x"] = one.x;
    put(object, one.result);
    list.push_back(std::move(object));
  }
  fmt::print("{}\n", list.dump(2));
}

}  // namespace bench
