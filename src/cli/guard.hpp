/// `scm guard`: a program whose messages a policy decides on.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace scm::cli {

/// Adds the subcommand; `words` is what stands after "--", if it does. When the command line names it, `action` becomes
/// what to run; its answer is the exit status.
void add_guard(CLI::App& program, std::function<int()>& action, const std::optional<std::vector<std::string>>& words);

}  // namespace scm::cli
