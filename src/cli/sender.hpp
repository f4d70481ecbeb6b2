/// Who sent a message, as far as the kernel and /proc can tell.
#pragma once

#include <scm/channel/channel.hpp>
#include <scm/core/identity.hpp>

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace scm::cli {

struct sender {
  std::optional<credentials> who;     ///< Not given: nobody knows.
  evidence from = evidence::message;  ///< What `who` rests on.
  /// The sender's executable, or else its name for itself; empty when it has ended or may not be looked at. A hint:
  /// whoever runs a program can give it any name.
  std::string program;
  /// The process still ran when the program had been read, so its number was not another's by then.
  bool checked = false;
};

/// Of a message that `via` received. Without credentials of its own (kernel fact E4), who is at the other end.
[[nodiscard]] sender sender_of(const message& received, const channel& via);

/// On one line, safe to print.
[[nodiscard]] std::string sender_text(const sender& who);
/// An object with "pid", "uid", "gid", "evidence" and, if known, "program" and "program_checked".
[[nodiscard]] nlohmann::json sender_record(const sender& who);

}  // namespace scm::cli
