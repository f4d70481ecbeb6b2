/// The results, for people and for programs.
#pragma once

#include "contest.hpp"
#include "curves.hpp"

#include <span>

namespace bench {

/// A line for each standing as they come, and at the end how far the run can be trusted.
void print_head();
void print_rows(std::span<const standing> standings);
void print_verdict(std::span<const standing> standings);

/// A list of objects: workload, contender, ns_min, ns_median, ns_max, ratio_min, ratio_median, ratio_max.
void print_json(std::span<const standing> standings);
/// The same with curve and x in place of workload.
void print_json(std::span<const curve_point> points);

}  // namespace bench
