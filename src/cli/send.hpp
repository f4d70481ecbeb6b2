/// `scm send`: sends open files, and bytes, in one message.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace scm::cli {

/// Adds the subcommand. When the command line names it, `action` becomes what to run; its answer is the exit status.
void add_send(CLI::App& program, std::function<int()>& action);

}  // namespace scm::cli
