/// Expectations in text, for command lines and configuration files: "memfd,access=rw,seals=shrink+grow,size>=4096".
#pragma once

#include <scm/core/result.hpp>
#include <scm/inspect/expectation.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace scm::inline v0_1 {

/// Rules, with a comma between two of them. "/" is or, "+" is and. Each at most once:
///
///   KIND/…             the words of `name_of(descriptor_kind)`, or `any`; `kind=KIND/…` says the same
///   access=MODE/…      r, w, rw, none
///   flags=FLAG+…       all of append, nonblock, direct, sync, dsync, async, noatime that are named
///   flags!=FLAG+…      none of these
///   seals=SEAL+…       all of seal, shrink, grow, write, future_write, exec that are named
///   size=N             bytes; also size>=N and size<=N. N may end in K, M, G or T, powers of 1024
///   device=MAJOR:MINOR
///   family=FAMILY      unix, inet, inet6, netlink, packet, vsock, or a number
///   type=TYPE          stream, dgram, seqpacket, raw, or a number
///   listening=yes      or no
///   inode=MAJOR:MINOR:INODE    `same_as`, as `scm inspect --json` has file_system and inode
///   below=PATH         a comma, a backslash and what is not printable ASCII as \xNN
///
/// At most this long, which takes any path.
inline constexpr std::size_t expectation_text_bytes = 32768;

/// What is wrong with a text, and where: `offset` is that of the first byte that cannot stand there.
struct rule_error {
  std::size_t offset = 0;
  const char* what = "";  ///< A static text: "not a kind of descriptor", …

  /// `malformed`; `not_enough_memory`, when there was none.
  std::error_code code = errc::malformed;
  operator std::error_code() const noexcept { return code; }
  friend bool operator==(const rule_error& error, std::error_code other) noexcept { return error.code == other; }
  friend bool operator==(const rule_error& error, std::error_condition other) noexcept { return error.code == other; }
};

/// An empty text is an expectation without rules.
[[nodiscard]] SCM_API result<expectation, rule_error> parse_expectation(std::string_view text) noexcept;

/// The text of an expectation, in the order above; parsing it gives the same expectation. Errors: not_enough_memory;
/// `malformed` for what has no text: seals without a word, a negative number, a relative path.
[[nodiscard]] SCM_API result<std::string> text_of(const expectation& expected) noexcept;

}  // namespace scm::inline v0_1
