/// What went wrong, in words for whoever sits at the terminal, and how the program says it.
#pragma once

#include <scm/core/result.hpp>

#include <string>
#include <string_view>
#include <system_error>

namespace scm::cli {

/// Exit statuses of the program, documented in its help.
inline constexpr int exit_success = 0;
inline constexpr int exit_failure = 1;
inline constexpr int exit_usage = 2;

/// A reason to end with `exit_failure`: one line, safe to print.
struct failure {
  std::string text;
};

template <class T = void>
using outcome = result<T, failure>;

/// What was being done; decides which advice fits an error.
enum class step { connect, listen, replace, accept, adopt, send, receive, open, other };

/// "cannot DOING: WHY; ADVICE". `doing` holds names that are safe already (`shown`).
[[nodiscard]] std::unexpected<failure> failed(step at, std::string_view doing, std::error_code why);
[[nodiscard]] std::unexpected<failure> failed(std::string text);

/// errno as an error code.
[[nodiscard]] std::error_code os_code(int number) noexcept;

/// A name or other bytes, escaped.
[[nodiscard]] std::string shown(std::string_view bytes);

/// Prints "scm: TEXT" on standard error; returns `exit_failure`.
int complain(std::string_view text) noexcept;

/// Writes to standard output, or says why it cannot: quietly, when nobody reads it any more.
[[nodiscard]] bool print(std::string_view text) noexcept;

}  // namespace scm::cli
