/// `scm sockets`: every Unix socket, who has it, and what waits in it.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace scm::cli {

/// Adds the subcommand. When the command line names it, `action` becomes what to run; its answer is the exit status.
void add_sockets(CLI::App& program, std::function<int()>& action);

}  // namespace scm::cli
