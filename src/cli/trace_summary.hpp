/// The end of a trace: who passed what to whom, and what did not arrive.
#pragma once

#include <scm/service/tracer_call.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace scm::cli {

class trace_summary {
 public:
  void add(const traced_call& call);
  /// What was left when all had ended.
  void add(std::vector<unreceived_message> unreceived, std::uint64_t forgotten);

  [[nodiscard]] std::string text() const;
  /// One for each pair of processes, each loss, and each message that was not received.
  [[nodiscard]] std::vector<nlohmann::json> records() const;

  /// Pairs of processes, and losses, that are told apart; more are counted.
  static constexpr std::size_t most = 4096;

 private:
  using process = std::pair<std::string, pid_t>;
  struct passed {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
    std::map<std::string, std::uint64_t> kinds;  // of descriptors, in words
  };
  struct loss {
    process by;
    traced_message what;
  };

  std::map<std::pair<process, process>, passed> passed_;
  std::vector<loss> losses_;
  std::vector<unreceived_message> unreceived_;
  std::uint64_t forgotten_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace scm::cli
