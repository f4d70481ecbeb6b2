#include "curves.hpp"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <utility>

namespace bench {
namespace {

constexpr std::size_t most_descriptors = 253;

using sizes = std::initializer_list<std::size_t>;
using contenders = std::vector<std::unique_ptr<contender>>;

template <class... Contender>
contenders list(Contender... one) {
  contenders all;
  (all.push_back(std::move(one)), ...);
  return all;
}

/// The name of a line: what a contender joins is x, and not part of it.
std::string line(const std::string& contender, std::string_view note) {
  const std::size_t end = contender.find_last_not_of(" 0123456789");
  return contender.substr(0, end + 1) + std::string{note};
}

spread divided(const spread& whole, std::size_t parts) {
  const auto divisor = static_cast<double>(parts);
  return {whole.min / divisor, whole.median / divisor, whole.max / divisor};
}

/// One x: who is measured at which work.
struct job {
  std::string_view curve;
  std::size_t x;
  workload work;
  contenders all;
  std::string_view note{};  ///< Added to the names of the lines.
  std::size_t parts = 1;    ///< Times are those of one of so many parts of a message.
};

using jobs = std::vector<job>;

void add_batch(jobs& all) {
  const workload work{"batch", shape::one_way, 64, 1};
  for (const std::size_t x : sizes{1, 2, 4, 8, 16, 32, 64, 128}) {
    all.push_back({"batch", x, work, list(make_plain_c(baseline), make_batched_c(x), make_batched_scm(x))});
  }
}

void add_records(jobs& all) {
  const workload without{"records", shape::one_way, 64, 0};
  const workload with{"records", shape::one_way, 64, 1};
  for (const std::size_t x : sizes{1, 2, 4, 8, 16, 32, 64, 128, 256}) {
    all.push_back({"records", x, without, list(make_plain_c(baseline), make_packed_c(x), make_packed_scm(x)),
                   ", no descriptors"});
    const std::size_t most = std::min(x, most_descriptors);
    all.push_back({"records", most, with, list(make_plain_c(baseline), make_packed_c(most), make_packed_scm(most)),
                   ", 1 descriptor each"});
  }
}

void add_payload(jobs& all) {
  for (std::size_t x = 64; x <= 65536; x *= 2) {
    const workload work{"payload", shape::one_process, x, 1};
    all.push_back({"payload", x, work, list(make_plain_c(baseline), make_stream_c(), make_scm())});
  }
}

void add_in_flight(jobs& all) {
  constexpr std::pair<descriptor_kind, std::string_view> kinds[]{{descriptor_kind::event, ""},
                                                                 {descriptor_kind::unix_socket, ", Unix sockets"}};
  for (const std::size_t messages : sizes{1, 2, 4, 8, 16, 32, 64, 79}) {  // the last is just below 20,000
    for (const auto& [kind, note] : kinds) {
      const workload work{"in-flight", shape::one_process, 64, most_descriptors, messages, kind};
      all.push_back({"in-flight", messages * most_descriptors, work, list(make_plain_c(baseline), make_scm()), note,
                     most_descriptors});
    }
  }
}

}  // namespace

std::vector<curve_point> trace_curves(const contest_limits& limits, std::size_t may_be_in_flight, std::mt19937& order) {
  jobs all;
  add_batch(all);
  add_records(all);
  add_payload(all);
  add_in_flight(all);

  const contest_limits each{limits.rounds, limits.time / all.size()};
  std::vector<curve_point> points;
  for (const job& one : all) {
    if (most_in_flight(one.work) > may_be_in_flight) continue;
    for (standing& result : compete(one.work, one.all, each, order)) {
      result.contender = line(result.contender, one.note);
      result.nanoseconds = divided(result.nanoseconds, one.parts);
      points.push_back({one.curve, one.x, std::move(result)});
    }
  }
  return points;
}

}  // namespace bench
