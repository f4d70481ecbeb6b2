/// What the sockets of traced calls are, and which sockets are at their other ends.
#pragma once

#include "service/tracer_pairs.hpp"

#include <scm/core/fd.hpp>
#include <scm/netlink/netlink_batch.hpp>
#include <scm/netlink/netlink_socket.hpp>

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

namespace scm::inline v0_1::detail {

/// Looks at sockets, and remembers those that do not change: by SO_COOKIE, which no other socket ever has.
/// A name that a connected socket is bound to afterwards (bind(2) allows it) is not noticed.
class socket_book {
 public:
  /// Looks at a descriptor that a process has as `number`. Parts that cannot be had are left out: without netlink, and
  /// for sockets of another network namespace, those are the inode at the other end and the file. Throws
  /// std::bad_alloc.
  [[nodiscard]] message_end look(borrowed_fd socket, pid_t process, int number);

  /// What a descriptor is, as scm::describe says. Of a connected Unix socket, which cannot be connected anew, it is
  /// remembered, and only the flags of the open file are asked for. Errors: those of `describe`. Throws std::bad_alloc.
  [[nodiscard]] result<description> describe(borrowed_fd fd);

  /// The settled socket that `look` last saw there, if it never saw another under that number: most likely it is this
  /// one still. Nothing is told when a number becomes another socket's, so that only `look` knows.
  [[nodiscard]] const message_end* likely(pid_t process, int number) const noexcept;

  /// Whether what is known of it stays true for as long as there is the socket.
  [[nodiscard]] static bool is_settled(const traced_socket& one) noexcept;

  /// Whether it asks for other control data than descriptors: credentials, labels, pidfds, timestamps, queued bytes.
  [[nodiscard]] static bool asks_for_more(borrowed_fd socket) noexcept;

  /// The file that a thread means by the path of a socket. No value when it is not there. Throws std::bad_alloc.
  [[nodiscard]] static std::optional<unix_socket::file> file_at(pid_t thread, const address& path);

  static constexpr std::size_t most = 4096;  ///< Remembered; then all are looked at anew.

 private:
  struct use {
    std::uint64_t cookie;
    bool steady = true;
  };
  static std::uint64_t key(pid_t process, int number) noexcept;
  void ask(message_end& about) noexcept;
  void used(pid_t process, int number, std::uint64_t cookie);

  std::unordered_map<std::uint64_t, message_end> known_;
  std::unordered_map<std::uint64_t, description> described_;
  std::unordered_map<std::uint64_t, use> uses_;
  std::optional<netlink_socket> netlink_;
  std::optional<netlink_batch> batch_;
  bool deaf_ = false;  // there is no netlink to ask
};

}  // namespace scm::inline v0_1::detail
