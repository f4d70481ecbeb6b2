/// Where a message goes or comes from, as the command line says it: ADDRESS, --type, --listen, --replace.
#pragma once

#include <scm/channel/channel.hpp>
#include <scm/core/address.hpp>
#include <scm/core/fd.hpp>

#include <CLI/CLI.hpp>

#include <optional>
#include <string>
#include <variant>

namespace scm::cli {

/// How ADDRESS is spelled, for the help.
inline constexpr auto address_help =
    "ADDRESS is a PATH, @NAME for an abstract name (open to every user of the machine), or fd:N for a socket that scm\n"
    "was started with. A path that begins so is spelled ./@NAME or ./fd:N.";

struct place {
  std::string spelled;  ///< For messages: escaped.
  std::variant<address, borrowed_fd> where;
  std::optional<socket_type> type;  ///< Not given: that of fd:N, else seqpacket.
  bool listen = false;
  bool replace = false;
};

/// Adds ADDRESS alone; a malformed one is wrong usage.
void add_address(CLI::App& command, std::string& address);
/// What it says, once it is parsed: `where` and `spelled`.
[[nodiscard]] place place_of(const std::string& address);

/// The options while they are parsed.
struct place_options {
  std::string address;
  std::string type;
  bool listen = false;
  bool replace = false;

  /// Adds ADDRESS, --type, --listen and --replace; a malformed ADDRESS is wrong usage.
  void add_to(CLI::App& command, const std::string& listen_help);
  /// To be called once they are parsed.
  [[nodiscard]] place parsed() const;
};

/// Decimal digits alone, and an int: what descriptor numbers and pids have in common.
[[nodiscard]] std::optional<int> parse_number(std::string_view text) noexcept;

}  // namespace scm::cli
