/// Who may speak to a control server, how much of it they can use, and what it does before it serves.
#pragma once

#include <scm/core/result.hpp>

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace scm::inline v0_1 {

/// Who is let in, by what the kernel says of each message (SCM_CREDENTIALS), and never by who connected: a socket can
/// be handed on. Root, which is uid 0 with gid 0, always is. Anybody else's uid must be among `uids`, unless that is
/// empty, and gid among `gids`, unless that is empty; where both are, it is root alone. The gid is the process's real
/// one: supplementary groups do not count. A process without a number in this pid namespace (pid 0) is never let in,
/// root or not. Ids that have no mapping here read as the overflow id, usually 65534: listing that lets in all of them.
struct control_access {
  std::vector<uid_t> uids{};
  std::vector<gid_t> gids{};
};

/// What clients can use up. "Per uid" is by who made the connection (SO_PEERCRED): it pays for what is done with it.
/// Whoever goes past one is answered {"err":7,"msg":"RATE"} and loses the connection.
struct control_limits {
  /// Bytes of a line without its newline: the longest that a person types, with room for a path or two.
  std::size_t line = 4096;
  /// Each is a descriptor here: the default of RLIMIT_NOFILE is 1024.
  std::size_t connections = 768;
  std::size_t connections_per_uid = 256;
  /// Connections that have not said a whole line yet. One more costs the oldest of whoever has most of them.
  std::size_t unauthenticated = 128;
  std::chrono::milliseconds unauthenticated_for{10'000};
  /// Answers that wait for their reader.
  std::size_t lines_per_uid = 1024;
  /// Descriptors that came with lines that are not finished, or wait to be sent.
  std::size_t descriptors_per_uid = 256;
  /// 253 at most: more than one message cannot carry.
  std::size_t descriptors_per_line = 16;
  /// Bytes of answers that the kernel does not take, for each connection: a reader slower than that is dropped. So it
  /// is the longest answer that is sure to arrive, too.
  std::size_t output_bytes = std::size_t{1} << 18;
};

/// How a connection begins; `prompt n`, `prompt i` and `prompt p` change it.
enum class control_mode : unsigned char {
  non_interactive,  ///< One command, then the connection is closed.
  interactive,      ///< Any number of commands.
  prompt,           ///< The same, and "; " is written before each.
};

struct control_options {
  control_access access{};
  control_limits limits{};
  control_mode mode = control_mode::interactive;
  /// What `version` answers: the daemon's own.
  unsigned version_major = 0;
  unsigned version_minor = 1;
  /// How long `stop` waits for answers to be read, and a connection that is to be closed for its last one.
  std::chrono::milliseconds grace{2'000};
  /// Called by `run` when all is open that it needs, before it accepts anybody: to give up what is not needed any more.
  /// `run` returns its error. See <scm/service/control_confinement.hpp>.
  std::function<result<void>()> before_serving{};
};

/// What happened since the server was made, and how it stands.
struct control_statistics {
  std::uint64_t accepted = 0;         ///< Connections, those included that were refused.
  std::uint64_t refused = 0;          ///< Connections over a limit, or for which there was no descriptor.
  std::uint64_t lines = 0;            ///< Commands that were answered.
  std::uint64_t errors = 0;           ///< Answers of handlers that were exceptions.
  std::uint64_t not_authentic = 0;    ///< Answers AUTH.
  std::uint64_t over_limit = 0;       ///< Answers RATE.
  std::uint64_t ambiguous = 0;        ///< Descriptors of which nobody can say to which line they belong.
  std::uint64_t lost = 0;             ///< Messages whose descriptors the kernel dropped.
  std::uint64_t slow = 0;             ///< Readers that were dropped.
  std::uint64_t late = 0;             ///< Connections that said nothing in time, or did not read their last answer.
  std::uint64_t descriptors_in = 0;   ///< Received with lines.
  std::uint64_t descriptors_out = 0;  ///< Sent with answers.
  std::size_t connections = 0;        ///< Now.
  std::size_t unauthenticated = 0;    ///< Now.
  std::size_t uids = 0;               ///< Users that have connections now.
};

}  // namespace scm::inline v0_1
