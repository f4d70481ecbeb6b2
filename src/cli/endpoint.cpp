#include "cli/endpoint.hpp"

#include "cli/interruption.hpp"
#include "cli/standard_streams.hpp"

#include <fmt/format.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <type_traits>
#include <utility>

namespace scm::cli {
namespace {

/// Makes a socket on which, for a receiver, the kernel says who each message is from: from the first message on, since
/// earlier ones would name nobody (kernel fact E4). A kernel without pidfds goes without them.
template <class Make>
auto make_for(role as, Make make) {
  if (as == role::sender) return make(channel_options{});
  auto made = make(channel_options{.items = {receive_item::credentials, receive_item::pidfd}});
  if (!made && made.error() == errc::unsupported) made = make(channel_options{.items = {receive_item::credentials}});
  return made;
}

template <class Any>
channel* channel_in(Any& held) noexcept {
  const auto base = [](auto& one) -> channel* {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(one)>, std::monostate>) {
      return nullptr;
    } else {
      return &one;
    }
  };
  return std::visit(base, held);
}

/// Whether --replace could help has to do with files alone, and only where it was not given.
step binding(const place& at, const address& to) noexcept {
  return at.replace || to.kind() != address::form::path ? step::replace : step::listen;
}

std::optional<socket_type> type_of(borrowed_fd socket) noexcept {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) return {};
  switch (type) {
    case SOCK_STREAM:
      return socket_type::stream;
    case SOCK_DGRAM:
      return socket_type::datagram;
    case SOCK_SEQPACKET:
      return socket_type::seqpacket;
    default:
      return {};
  }
}

}  // namespace

endpoint::~endpoint() {
  const interruptions_held held;
  keep_when_interrupted();
  listener_ = std::monostate{};
  channel_ = std::monostate{};  // and with it the file of a bound datagram socket
}

outcome<> endpoint::open(const place& at, role as) {
  spelled_ = at.spelled;
  const auto* const to = std::get_if<address>(&at.where);
  const borrowed_fd inherited = to != nullptr ? borrowed_fd{-1} : std::get<borrowed_fd>(at.where);
  if (to == nullptr && !was_inherited(inherited.native_handle())) {
    return failed(fmt::format("scm was not started with a descriptor {}", inherited.native_handle()));
  }
  inherited_ = to == nullptr;

  const socket_type type = at.type.value_or(type_of(inherited).value_or(socket_type::seqpacket));
  switch (type) {
    case socket_type::stream:
      return at.listen ? open_listening<stream>(at, to, inherited, as) : open_connected<stream>(at, to, inherited, as);
    case socket_type::seqpacket:
      return at.listen ? open_listening<seqpacket>(at, to, inherited, as)
                       : open_connected<seqpacket>(at, to, inherited, as);
    case socket_type::datagram:
      break;
  }
  if (to != nullptr && as == role::receiver) return open_bound(at, *to);
  return open_connected<datagram>(at, to, inherited, as);
}

template <class Channel>
outcome<> endpoint::open_connected(const place& at, const address* to, borrowed_fd inherited, role as) {
  if (to == nullptr) {
    auto copy = duplicate(inherited);  // the number stays what it is for whoever knows it: a command's standard input
    if (!copy) return failed(step::adopt, "use " + at.spelled, copy.error());
    auto taken = Channel::adopt(std::move(*copy));
    if (!taken) return failed(step::adopt, "use " + at.spelled, taken.error());
    channel_ = std::move(*taken);
    return {};
  }
  auto made = make_for(as, [&](const channel_options& options) {
    if constexpr (std::is_same_v<Channel, datagram>) {
      return datagram::connect(*to, options);
    } else {
      return Channel::connect(*to, no_deadline, options);
    }
  });
  if (!made) return failed(step::connect, "connect to " + at.spelled, made.error());
  channel_ = std::move(*made);
  return {};
}

template <class Channel>
outcome<> endpoint::open_listening(const place& at, const address* to, borrowed_fd inherited, role as) {
  if (to == nullptr) {
    auto copy = duplicate(inherited);
    if (!copy) return failed(step::adopt, "listen at " + at.spelled, copy.error());
    auto taken = listener<Channel>::adopt(std::move(*copy));
    if (!taken) return failed(step::adopt, "listen at " + at.spelled, taken.error());
    listener_ = std::move(*taken);
    return {};
  }
  const interruptions_held held;
  auto made = make_for(as, [&](const channel_options& options) {
    return listener<Channel>::bind(*to, {.file = {.replace_stale = at.replace}, .channel = options});
  });
  if (!made) return failed(binding(at, *to), "listen at " + at.spelled, made.error());
  remove_when_interrupted(made->file(), *to, at.replace);
  listener_ = std::move(*made);
  return {};
}

outcome<> endpoint::open_bound(const place& at, const address& to) {
  const interruptions_held held;
  auto made = make_for(role::receiver, [&](const channel_options& options) {
    return datagram::bind(to, {.replace_stale = at.replace}, options);
  });
  if (!made) return failed(binding(at, to), "receive at " + at.spelled, made.error());
  remove_when_interrupted(made->file(), to, at.replace);
  channel_ = std::move(*made);
  return {};
}

outcome<channel*> endpoint::next() {
  const auto accept = [&](auto& from) -> std::error_code {
    if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(from)>, std::monostate>) {
      auto accepted = from.accept();
      if (!accepted) return accepted.error();
      channel_ = std::move(*accepted);
    }
    return {};
  };
  if (const auto error = std::visit(accept, listener_)) {
    return failed(step::accept, "accept a connection at " + spelled_, error);
  }
  return channel_in(channel_);
}

void endpoint::let_receiver_look() noexcept {
  using namespace std::chrono_literals;
  const auto end = channel_in(channel_);
  if (inherited_ || end == nullptr) return;
  const int socket = end->fd().native_handle();
  const deadline until = in(200ms);
  if (end->type() != socket_type::datagram) {
    // The receiver sees that nothing follows, and hangs up when it is done.
    pollfd hung_up{socket, POLLRDHUP, 0};
    if (end->shutdown_send()) ::poll(&hung_up, 1, 200);
    return;
  }
  int unread = 0;
  while (::ioctl(socket, SIOCOUTQ, &unread) == 0 && unread != 0 && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(1ms);
  }
  std::this_thread::sleep_for(10ms);
}

}  // namespace scm::cli
