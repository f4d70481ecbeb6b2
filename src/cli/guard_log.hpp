/// The record of every decision of `scm guard`.
#pragma once

#include "cli/failure.hpp"
#include "cli/guarded_message.hpp"

#include <scm/core/fd.hpp>
#include <scm/service/policy.hpp>

#include <string>

namespace scm::cli {

enum class log_form : unsigned char { text, json };

/// One line, with its newline, in plain ASCII: what others have chosen is escaped.
[[nodiscard]] std::string decision_record(const guarded_message& message, const policy_decision& decision,
                                          log_form form);

/// A file that records are appended to. One that takes them slower than they come (a pipe that nobody reads) is one
/// that cannot be written: nobody waits for it.
class guard_log {
 public:
  /// Readable for its owner alone, where it is made.
  [[nodiscard]] static outcome<guard_log> open(const std::string& path);
  /// Standard error.
  [[nodiscard]] static guard_log standard_error() noexcept { return guard_log{}; }

  /// In one write(2), so that records of several programs do not mix. Errors: those of write(2); EIO for a part of it.
  [[nodiscard]] result<void> write(std::string_view record) noexcept;

 private:
  owned_fd file_;  // none: standard error
};

}  // namespace scm::cli
