#include "channel/socket.hpp"

#include "channel/wait.hpp"
#include "core/os_error.hpp"
#include "core/sys.hpp"

namespace scm::inline v0_1::detail {

namespace {

int native(socket_type type) noexcept { return static_cast<int>(type); }

/// Out of line, the kernel drops the descriptors of an urgent byte (kernel fact C11).
result<void> read_urgent_bytes_in_line(borrowed_fd socket, socket_type type) noexcept {
  return type == socket_type::stream ? set_option(socket, SO_OOBINLINE, 1) : result<void>{};
}

}  // namespace

result<owned_fd> open_socket(socket_type type, const channel_options& options, int flags) noexcept {
  const int number = sys::socket(native(type) | SOCK_CLOEXEC | flags);
  if (number < 0) return os_failure();
  owned_fd socket{number};
  if (auto set = read_urgent_bytes_in_line(socket, type); !set) return std::unexpected{set.error()};
  for (const receive_item item : all_receive_items) {
    if (!options.items.contains(item)) continue;
    if (auto set = set_item(socket, type, item, true); !set) return std::unexpected{set.error()};
  }
  if (!options.accept_descriptors) {
    if (auto set = set_accept_descriptors(socket, false); !set) return std::unexpected{set.error()};
  }
  return socket;
}

result<std::pair<owned_fd, owned_fd>> open_pair(socket_type type) noexcept {
  int ends[2] = {-1, -1};
  if (sys::socketpair(native(type) | SOCK_CLOEXEC, ends) != 0) return os_failure();
  std::pair made{owned_fd{ends[0]}, owned_fd{ends[1]}};
  for (const owned_fd* end : {&made.first, &made.second}) {
    if (auto set = read_urgent_bytes_in_line(*end, type); !set) return std::unexpected{set.error()};
  }
  return made;
}

result<owned_fd> open_connected(socket_type type, const address& to, deadline until,
                                const channel_options& options) noexcept {
  // Nobody else has this description yet: O_NONBLOCK is taken off again before anybody can see it.
  auto socket = open_socket(type, options, until == dont_wait ? SOCK_NONBLOCK : 0);
  if (!socket) return socket;

  // For a deadline connect(2) waits as long as SO_SNDTIMEO says.
  const auto set_patience = [&](timeval patience) noexcept {
    return sys::setsockopt(socket->native_handle(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0;
  };
  for (;;) {
    if (until != no_deadline && until != dont_wait) {
      using namespace std::chrono;
      const auto now = steady_clock::now();
      // At least 1: 0 would mean for ever.
      const auto patience = until > now ? duration_cast<microseconds>(until - now) + microseconds{1} : microseconds{1};
      const auto whole = duration_cast<seconds>(patience);
      const timeval span{static_cast<time_t>(whole.count()), static_cast<suseconds_t>((patience - whole).count())};
      if (!set_patience(span)) return os_failure();
    }
    const auto* const name = reinterpret_cast<const sockaddr*>(&to.native());
    if (sys::connect(socket->native_handle(), name, to.native_size()) == 0) break;
    if (errno == EINTR && (until == no_deadline || until == dont_wait || std::chrono::steady_clock::now() < until)) {
      continue;
    }
    if (until != no_deadline && until != dont_wait && (errno == EAGAIN || errno == EINTR)) {
      return std::unexpected{std::make_error_code(std::errc::timed_out)};
    }
    return os_failure();
  }
  if (until == dont_wait) {
    const int flags = sys::fcntl(socket->native_handle(), F_GETFL);
    if (flags < 0 || sys::fcntl(socket->native_handle(), F_SETFL, flags & ~O_NONBLOCK) != 0) return os_failure();
  } else if (until != no_deadline && !set_patience({})) {
    return os_failure();
  }
  return socket;
}

result<void> check_socket(borrowed_fd socket, socket_type type, bool listening) noexcept {
  const auto matches = [&](int option, int wanted) -> std::error_code {
    const auto value = get_option(socket, option);
    if (!value)
      return value.error() == std::errc::not_a_socket ? make_error_code(errc::wrong_descriptor) : value.error();
    return *value == wanted ? std::error_code{} : make_error_code(errc::wrong_descriptor);
  };
  if (const auto wrong = matches(SO_DOMAIN, AF_UNIX)) return std::unexpected{wrong};
  if (const auto wrong = matches(SO_TYPE, native(type))) return std::unexpected{wrong};
  if (const auto wrong = matches(SO_ACCEPTCONN, listening ? 1 : 0)) return std::unexpected{wrong};

  const int flags = sys::fcntl(socket.native_handle(), F_GETFD);
  if (flags < 0) return os_failure();
  if ((flags & FD_CLOEXEC) == 0 && sys::fcntl(socket.native_handle(), F_SETFD, flags | FD_CLOEXEC) != 0) {
    return os_failure();
  }
  return listening ? result<void>{} : read_urgent_bytes_in_line(socket, type);
}

result<address> name_of(borrowed_fd socket) noexcept {
  sockaddr_un native{};
  socklen_t size = sizeof native;
  if (sys::getsockname(socket.native_handle(), reinterpret_cast<sockaddr*>(&native), &size) != 0) return os_failure();
  return address::from_native(native, size);
}

}  // namespace scm::inline v0_1::detail
