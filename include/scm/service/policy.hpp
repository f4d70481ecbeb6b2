/// A policy for messages: which may cross between processes, with which descriptors, and what becomes of the others.
#pragma once

#include <scm/core/address.hpp>
#include <scm/core/fd.hpp>
#include <scm/core/result.hpp>
#include <scm/inspect/expectation.hpp>

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace scm::inline v0_1 {

enum class policy_action : unsigned char {
  allow,
  deny,   ///< The call fails.
  strip,  ///< The message goes on without its descriptors.
  kill,   ///< The process that makes the call is killed.
};

enum class policy_direction : unsigned char { any, send, receive };

/// What becomes of a message.
struct policy_outcome {
  policy_action what = policy_action::deny;
  int error = EACCES;          ///< errno(3), of `deny`; without meaning elsewhere, and EACCES.
  bool close_on_exec = false;  ///< Of `allow`: descriptors arrive close-on-exec, whatever the program asked for.
  bool scattered = false;      ///< Of `allow`: and at random numbers.
  friend bool operator==(const policy_outcome&, const policy_outcome&) noexcept = default;
};

/// The address of a Unix socket, or how it begins.
struct address_pattern {
  address::form form = address::form::unnamed;
  std::string name{};  ///< An absolute path, or an abstract name without its leading NUL.
  bool begins = false;
  friend bool operator==(const address_pattern&, const address_pattern&) noexcept = default;
};

/// For which messages an outcome is. What is not said is not looked at.
///
/// `allow` fails safe one way, the other three the other: what cannot be known (the peer of an unconnected socket, a
/// path that is relative, a descriptor that cannot be examined) never makes a rule match that allows, and never keeps
/// one from matching that does not.
struct policy_rule {
  policy_outcome outcome{};
  policy_direction direction = policy_direction::any;
  std::string program{};                   ///< Its file: an absolute path, or without a slash the last part of one.
  bool program_begins = false;             ///< `program` is how the path begins.
  std::optional<address_pattern> peer{};   ///< Of the other end: a name that its owner chose, no identity.
  std::optional<address_pattern> local{};  ///< Of the program's own socket.
  std::optional<uid_t> peer_uid{};
  std::optional<gid_t> peer_gid{};
  std::vector<int> families{};  ///< One of these, AF_*; empty: any.
  std::vector<int> types{};     ///< One of these, SOCK_*; empty: any.
  bool no_descriptors = false;  ///< Messages without descriptors alone.
  /// Messages with descriptors alone. Of `allow`: one expectation holds for every descriptor, several for as many, each
  /// for its own. Of the others there is one, and one descriptor that meets it is enough.
  std::vector<expectation> descriptors{};
  std::optional<size_range> count{};  ///< Of descriptors.
  std::optional<size_range> bytes{};  ///< Of the payload.
  std::optional<bool> out_of_band{};  ///< MSG_OOB.
  std::size_t line = 0;               ///< Where it stands; two rules are equal wherever they stand.

  SCM_API friend bool operator==(const policy_rule& a, const policy_rule& b) noexcept;
};

/// The first rule that matches decides, else `otherwise`.
struct policy {
  policy_outcome otherwise{};
  std::size_t otherwise_line = 0;
  std::vector<policy_rule> rules{};

  friend bool operator==(const policy& a, const policy& b) noexcept {
    return a.otherwise == b.otherwise && a.rules == b.rules;
  }
};

/// A message, as a policy sees it. Borrowed.
struct policy_message {
  bool received = false;            ///< Else sent.
  std::string_view program{};       ///< The absolute path of the program that makes the call; empty: not known.
  int family = 0;                   ///< Of the program's socket: AF_*
  int type = 0;                     ///< SOCK_*
  std::optional<address> peer{};    ///< Of a Unix socket, where the message goes or comes from; absent: not known.
  std::optional<address> local{};   ///< Of the program's own, if it is a Unix socket; absent: not known.
  std::optional<uid_t> peer_uid{};  ///< In the kernel's words alone; absent: not known.
  std::optional<gid_t> peer_gid{};
  std::uint64_t bytes = 0;
  bool more_bytes = false;  ///< There are `bytes` at least.
  bool out_of_band = false;
  std::span<const borrowed_fd> descriptors{};
};

struct policy_decision {
  policy_outcome outcome{};
  std::size_t line = 0;  ///< Of the rule, or of the default.
  friend bool operator==(const policy_decision&, const policy_decision&) noexcept = default;
};

/// What a policy says of a message. Descriptors are looked at as by `admit`, one expectation after the other.
[[nodiscard]] SCM_API policy_decision decide(const policy& by, const policy_message& message) noexcept;

}  // namespace scm::inline v0_1
