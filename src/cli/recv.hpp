/// `scm recv`: receives messages and shows, saves or hands on the files in them.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace scm::cli {

/// Adds the subcommand. When the command line names it, `action` becomes what to run; its answer is the exit status.
/// `command` is what follows "--", which is not for the parser: it would take "[a,b]" apart.
void add_recv(CLI::App& program, std::function<int()>& action, const std::optional<std::vector<std::string>>& command);

}  // namespace scm::cli
