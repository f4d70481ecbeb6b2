// scm_bench as a program: what it accepts and what it prints. How long anything takes is nobody's promise.
#include "cli/run_program.hpp"
#include "support/catch.hpp"

#include <nlohmann/json.hpp>

#include <set>

using namespace scm;
using namespace scm::test;

namespace {

constexpr const char* every_key[] = {"contender", "ns_max",       "ns_median", "ns_min",
                                     "ratio_max", "ratio_median", "ratio_min"};

// Every object has these keys beside its own, and numbers in order.
void check_object(const nlohmann::json& object, std::set<std::string> keys) {
  keys.insert(std::begin(every_key), std::end(every_key));
  std::set<std::string> found;
  for (const auto& item : object.items()) found.insert(item.key());
  CHECK(found == keys);
  CHECK(object["ns_min"] > 0);
  CHECK(object["ns_min"] <= object["ns_median"]);
  CHECK(object["ns_median"] <= object["ns_max"]);
  CHECK(object["ratio_min"] <= object["ratio_median"]);
  CHECK(object["ratio_median"] <= object["ratio_max"]);
}

std::set<std::string> contenders_of(const nlohmann::json& list) {
  std::set<std::string> names;
  for (const auto& object : list) names.insert(object["contender"]);
  return names;
}

}  // namespace

TEST_CASE("the help of the benchmarks names every workload and every contender that a run prints") {
  const auto help = run_program({"--help"});
  CHECK(help.status == 0);
  const auto run = run_program({"--json", "--rounds", "1", "one-way-1"});
  REQUIRE(run.status == 0);
  const auto list = nlohmann::json::parse(run.out);
  for (const std::string& name : contenders_of(list)) {
    CAPTURE(name);
    CHECK(help.out.find(name) != std::string::npos);
  }
  CHECK(help.out.find("one-way-1 ") != std::string::npos);
}

TEST_CASE("the benchmarks print a list of objects whose keys are promised, the baseline first") {
  const auto run = run_program({"--json", "--rounds", "2", "one-process-0"});
  REQUIRE(run.status == 0);
  const auto list = nlohmann::json::parse(run.out);
  REQUIRE(list.is_array());
  for (const auto& object : list) {
    check_object(object, {"workload"});
    CHECK(object["workload"] == "one-process-0");
  }
  CHECK(list[0]["contender"] == "plain C");
  CHECK(list[0]["ratio_median"] == 1);
  const auto names = contenders_of(list);
  CHECK(names.size() == list.size());
  for (const char* name : {"plain C", "plain C again", "plain C stream", "plain C sendmmsg 32", "plain C packed 32",
                           "scm", "scm batch 32", "scm packed 32"}) {
    CAPTURE(name);
    CHECK(names.contains(name));
  }
}

TEST_CASE("contenders that join messages have no part in a ping-pong") {
  const auto run = run_program({"--json", "--rounds", "1", "ping-pong"});
  REQUIRE(run.status == 0);
  const auto names = contenders_of(nlohmann::json::parse(run.out));
  CHECK(names.contains("scm"));
  CHECK_FALSE(names.contains("scm packed 32"));
  CHECK_FALSE(names.contains("plain C sendmmsg 32"));
}

TEST_CASE("the benchmarks refuse a workload, an option and a number of rounds that they do not know") {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{{"no-such"},
                                                                                     {"--no-such"},
                                                                                     {"--rounds"},
                                                                                     {"--rounds", "0"},
                                                                                     {"--rounds", "1x"},
                                                                                     {"--curves", "one-way-1"}}) {
    CAPTURE(words);
    const auto run = run_program(words);
    CHECK(run.status == 2);
    CHECK(run.out.empty());
    CHECK(run.err.starts_with("scm_bench: "));
  }
}

TEST_CASE("every curve has points of plain C, and others at the same x") {
  const auto run = run_program({"--curves", "--rounds", "1"});
  REQUIRE(run.status == 0);
  std::set<std::string> curves;
  for (const auto& object : nlohmann::json::parse(run.out)) {
    check_object(object, {"curve", "x"});
    CHECK(object["x"] > 0);
    curves.insert(object["curve"]);
  }
  CHECK(curves == std::set<std::string>{"batch", "records", "payload", "in-flight"});
}
