/// `scm inspect`: says what descriptors are, this process's own and those of others.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace scm::cli {

/// Adds the subcommand. When the command line names it, `action` becomes what to run; its answer is the exit status.
void add_inspect(CLI::App& program, std::function<int()>& action);

}  // namespace scm::cli
