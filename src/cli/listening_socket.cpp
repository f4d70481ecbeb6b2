#include "cli/listening_socket.hpp"

#include "cli/place.hpp"

#include <scm/core/address.hpp>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

namespace scm::cli {
namespace {

constexpr int backlog = 4096;  // net.core.somaxconn bounds it

outcome<owned_fd> listen_at(int family, const sockaddr* name, socklen_t size, const std::string& doing) {
  owned_fd made{::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  if (!made) return failed(step::other, doing, os_code(errno));
  // So that connections that are still closing do not keep the port from being bound again.
  constexpr int on = 1;
  ::setsockopt(made.native_handle(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(made.native_handle(), name, size) != 0 || ::listen(made.native_handle(), backlog) != 0) {
    return failed(step::other, doing, os_code(errno));
  }
  return made;
}

/// HOST and PORT; an empty host is all IPv4 addresses.
std::pair<std::string, std::string> parts(std::string_view spelled) {
  if (parse_number(spelled)) return {"", std::string{spelled}};
  const auto colon = spelled.rfind(':');
  if (colon == spelled.npos) return {std::string{spelled}, ""};
  auto host = spelled.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {std::string{host}, std::string{spelled.substr(colon + 1)}};
}

}  // namespace

outcome<owned_fd> listening_socket(const std::string& spelled) {
  const auto doing = "listen at " + shown(spelled);
  if (spelled.starts_with('/') || spelled.starts_with('.') || spelled.starts_with('@')) {
    const auto at = address::parse(spelled);
    if (!at) return failed(step::listen, doing, at.error());
    return listen_at(AF_UNIX, reinterpret_cast<const sockaddr*>(&at->native()), at->native_size(), doing);
  }
  const auto [host, port] = parts(spelled);
  if (!parse_number(port)) return failed("cannot " + doing + ": neither PORT, HOST:PORT, /PATH, ./PATH nor @NAME");
  addrinfo wanted{};
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  wanted.ai_family = host.empty() ? AF_INET : AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failure = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &wanted, &found);
  if (failure != 0) return failed("cannot " + doing + ": " + ::gai_strerror(failure));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner{found, ::freeaddrinfo};
  return listen_at(found->ai_family, found->ai_addr, found->ai_addrlen, doing);
}

}  // namespace scm::cli
