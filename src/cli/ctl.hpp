/// `scm ctl`: speaks to a control server, such as a descriptor broker.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace scm::cli {

/// Adds the subcommand; `words` is what follows "--". When the command line names it, `action` becomes what to run.
void add_ctl(CLI::App& program, std::function<int()>& action, const std::optional<std::vector<std::string>>& words);

}  // namespace scm::cli
