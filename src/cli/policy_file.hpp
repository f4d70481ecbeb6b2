/// A policy in a file, and what is wrong with it, shown where it stands.
#pragma once

#include "cli/failure.hpp"

#include <scm/service/policy_text.hpp>

#include <optional>
#include <string>

namespace scm::cli {

/// Why a file gives no policy: lines for people, safe to print, and the place for programs, if it is about one.
struct policy_fault {
  std::string text;
  std::optional<policy_error> place{};
};

/// Reads to the end of what `path` names, a pipe too.
[[nodiscard]] result<policy, policy_fault> read_policy(const std::string& path);

/// The line that `place` is in, and a caret under the column; "" without a line.
[[nodiscard]] std::string pointed_at(std::string_view text, const policy_error& place);

}  // namespace scm::cli
