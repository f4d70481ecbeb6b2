/// `scm serve`: a descriptor broker.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace scm::cli {

/// Adds the subcommand. When the command line names it, `action` becomes what to run; its answer is the exit status.
void add_serve(CLI::App& program, std::function<int()>& action);

}  // namespace scm::cli
