#include "options.hpp"

#include "lineup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

namespace bench {
namespace {

constexpr std::size_t quick_rounds = 120;
constexpr std::chrono::seconds quick_time{12};

bool parse_rounds(std::string_view text, std::size_t& rounds) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rounds);
  return error == std::errc{} && end == text.data() + text.size() && rounds != 0;
}

/// Adds the workloads whose names begin so.
bool add_workloads(std::string_view prefix, std::vector<workload>& chosen) {
  bool found = false;
  for (const workload& one : all_workloads()) {
    if (!one.name.starts_with(prefix)) continue;
    found = true;
    if (std::ranges::find(chosen, one.name, &workload::name) == chosen.end()) chosen.push_back(one);
  }
  return found;
}

}  // namespace

std::string usage() {
  std::string text =
      "usage: scm_bench [--json] [--quick] [--rounds N] [WORKLOAD…]\n"
      "       scm_bench --curves [--quick] [--rounds N]\n\n"
      "Passes messages and descriptors between processes that share one CPU: by hand-written C, by this library and "
      "by\n"
      "others, in many short rounds of all of them. What counts is the processor time of all processes of a round; a\n"
      "ratio is that to plain C in the same round. A number in a contender's name says how many messages it joins: by\n"
      "one system call, or packed into one message of the kernel.\n\n"
      "  --json      print a list of objects instead of a table\n"
      "  --curves    print how cost grows with the batch, the records in a message, the payload and what is in "
      "flight,\n"
      "              as a list of objects\n"
      "  --quick     fewer rounds; under 15 s\n"
      "  --rounds N  as many rounds, as far as there is time for them: 100 s for all workloads, 12 s with --quick\n"
      "  WORKLOAD    only those whose names begin so:\n\n";
  for (const workload& one : all_workloads()) {
    const std::string_view how = one.how == shape::ping_pong ? "two processes in turn"
                                 : one.how == shape::one_way ? "one process to another"
                                                             : "send and receive in one process";
    text += fmt::format("    {:<14} {}: {} bytes, {} descriptor{}\n", one.name, how, one.bytes, one.descriptors,
                        one.descriptors == 1 ? "" : "s");
  }
  text += "\nContenders:";
  for (const auto& one : lineup()) text += fmt::format("{} {}", text.ends_with(':') ? "" : ",", one->name());
  text += ".\n";
  if (!absent().empty()) text += fmt::format("Left out, as this program was built without: {}.\n", absent());
  return text;
}

std::optional<options> parse_options(int argc, const char* const* argv, std::string& error) {
  options chosen;
  bool quick = false;
  std::optional<std::size_t> rounds;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--help" || word == "-h") {
      chosen.help = true;
    } else if (word == "--json") {
      chosen.json = true;
    } else if (word == "--curves") {
      chosen.curves = true;
    } else if (word == "--quick") {
      quick = true;
    } else if (word == "--rounds") {
      std::size_t number = 0;
      if (++i == argc || !parse_rounds(argv[i], number)) {
        error = "--rounds needs a number above 0";
        return std::nullopt;
      }
      rounds = number;
    } else if (word.starts_with('-') || !add_workloads(word, chosen.workloads)) {
      error = fmt::format("there is no {} {}; see --help", word.starts_with('-') ? "option" : "workload", word);
      return std::nullopt;
    }
  }
  if (chosen.curves && !chosen.workloads.empty()) {
    error = "--curves has workloads of its own";
    return std::nullopt;
  }
  if (quick) {
    chosen.rounds = quick_rounds;
    chosen.time = quick_time;
  }
  if (rounds) chosen.rounds = *rounds;
  if (chosen.workloads.empty()) add_workloads("", chosen.workloads);
  return chosen;
}

}  // namespace bench
