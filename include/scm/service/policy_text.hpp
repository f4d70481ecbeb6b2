/// Policies in text: one rule on a line, the first that matches decides.
#pragma once

#include <scm/core/result.hpp>
#include <scm/service/policy.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace scm::inline v0_1 {

/// The text of a policy: printable ASCII; # begins a comment, of any UTF-8, at the begin of a line or behind a blank.
///
///   policy 1              first: the version of this grammar
///   default ACTION        second: what becomes of a message that no rule matches
///   ACTION DIRECTION CONDITION… PLACEMENT…
///
/// ACTION: allow, deny (EACCES), deny=ERRNO (a name or a number of errno(3)), strip, kill.
/// DIRECTION: send, receive, any.
/// CONDITION, each at most once; all must hold:
///   program=NAME          the file that runs: its last part, /PATH, or /PATH* for all that begin so
///   peer=ADDRESS          the other end's name: /PATH, @NAME, either with * at its end, or unnamed
///   local=ADDRESS         the name of the program's own socket
///   peer-uid=N  peer-gid=N
///   family=unix/inet/…    of the program's socket, as in `expectation_text.hpp`; / is or
///   type=stream/…
///   fds=none              no descriptors
///   fds=RULES             descriptors, and every one of them is as RULES say (`parse_expectation`); but for deny,
///   strip
///                         and kill: at least one is, of any kind if RULES name none
///   fds=RULES;RULES…      allow alone: as many as there are RULES, each as its own say
///   count<=N  count>=N  count=N    descriptors
///   bytes<=N  bytes>=N  bytes=N    payload; K, M, G as in sizes
///   oob=yes, oob=no       urgent data, MSG_OOB
/// PLACEMENT, of allow, for what is received:
///   cloexec               close-on-exec, whatever the program asked for
///   scattered             at random numbers
///
/// A blank, a semicolon, and what is not printable ASCII is \xNN in paths and names; a * at the end of a name \x2a.
/// RULES of deny, strip and kill know no below=: a hint can let something through, not keep it out.
inline constexpr std::size_t policy_text_bytes = std::size_t{1} << 16;
inline constexpr std::size_t policy_rules = 256;
/// RULES of one line.
inline constexpr std::size_t policy_positions = 16;

/// What is wrong with a policy, and where.
struct policy_error {
  std::size_t line = 0;    ///< From 1; 0 for what is about no line.
  std::size_t column = 0;  ///< From 1, in bytes: of the first byte that cannot stand there.
  std::size_t offset = 0;  ///< From 0, in all of the text.
  const char* what = "";   ///< A static text.

  /// `malformed`; `not_enough_memory`, when there was none.
  std::error_code code = errc::malformed;
  operator std::error_code() const noexcept { return code; }
};

/// A line that no message can reach, or whose conditions exclude each other, is an error, too.
[[nodiscard]] SCM_API result<policy, policy_error> parse_policy(std::string_view text) noexcept;

/// The text of a policy; parsing it gives an equal one. Errors: not_enough_memory; `malformed` for what has no text.
[[nodiscard]] SCM_API result<std::string> text_of(const policy& written) noexcept;

/// "deny=EPERM", "allow cloexec": an outcome in the words of the grammar.
[[nodiscard]] SCM_API result<std::string> text_of(const policy_outcome& outcome) noexcept;

}  // namespace scm::inline v0_1
