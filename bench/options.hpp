/// What the command line asks for.
#pragma once

#include "workload.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace bench {

struct options {
  bool help = false;
  bool json = false;
  bool curves = false;
  std::size_t rounds = 400;
  std::chrono::seconds time{100};  ///< For all workloads together.
  std::vector<workload> workloads;
};

/// The text of --help.
[[nodiscard]] std::string usage();

/// Nothing, with a reason in `error`, for a command line that is not understood.
[[nodiscard]] std::optional<options> parse_options(int argc, const char* const* argv, std::string& error);

}  // namespace bench
