/// The socket under a contender that does not make its own.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

namespace bench {

/// Two connected Unix sockets of SOCK_SEQPACKET or SOCK_STREAM, which the caller closes.
inline std::pair<int, int> socket_pair(int type) {
  int ends[2];
  if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0) {
    throw std::system_error{errno, std::system_category(), "socketpair"};
  }
  return {ends[0], ends[1]};
}

/// An `End` for each of two connected sockets, which it closes.
template <class End, class... Arguments>
auto make_ends(int type, const Arguments&... arguments) {
  const auto [one, other] = socket_pair(type);
  return std::pair{std::make_unique<End>(one, arguments...), std::make_unique<End>(other, arguments...)};
}

}  // namespace bench
