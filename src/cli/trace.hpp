/// `scm trace`: shows what a program and all that it starts send to each other.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace scm::cli {

/// Adds the subcommand. When the command line names it, `action` becomes what to run; its answer is the exit status.
/// `command` is what follows "--".
void add_trace(CLI::App& program, std::function<int()>& action, const std::optional<std::vector<std::string>>& command);

}  // namespace scm::cli
