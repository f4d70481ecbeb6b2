/// A program that runs under a policy, from its start to its end.
#pragma once

#include "cli/guard_log.hpp"

#include <scm/service/policy.hpp>

#include <string>
#include <vector>

namespace scm::cli {

struct guarded_program {
  std::vector<std::string> command;  ///< The program, looked up in PATH, and its arguments.
  std::string log;                   ///< Empty: standard error, and only what is not allowed.
  log_form form = log_form::text;
  bool unlogged = false;  ///< Whether a message goes on whose record could not be written.
  bool release = false;   ///< Whether programs go on when this process ends.
};

/// The exit status to end with: the program's, 128 and the signal that killed it; 127, 126 and `exit_failure` for what
/// has been complained about.
[[nodiscard]] int run_guarded(const policy& by, const guarded_program& what);

}  // namespace scm::cli
