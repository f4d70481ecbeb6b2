/// Netlink sockets on Boost.Asio: any completion token.
#pragma once

#include <scm/asio/object.hpp>
#include <scm/netlink/netlink_reply.hpp>
#include <scm/netlink/netlink_requests.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace scm::inline v0_1 {

/// A netlink socket whose datagrams and answers complete on an executor. The rules are those of `async_channel`;
/// batches, requests, answers and payloads are borrowed until completion. Groups are joined through `next_layer()`.
class async_netlink : public detail::asio_object<netlink_socket> {
 public:
  [[nodiscard]] static result<async_netlink> make(const boost::asio::any_io_executor& executor, netlink_socket&& over) {
    auto state = state_over(executor, std::move(over));
    if (!state) return std::unexpected{state.error()};
    return async_netlink{std::move(*state)};
  }

  /// The datagrams that are there, one at least: `netlink_socket::receive`. ENOBUFS is told like any other error.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_receive(netlink_batch& into, Token&& token = {}) {
    return when_receivable([&into](netlink_socket& from) { return from.receive(into, dont_wait); },
                           std::forward<Token>(token));
  }
  /// The next message of an answer, one of this socket's (`netlink_reply{async.next_layer(), …}`):
  /// `netlink_reply::next`, whatever its deadline. One that was cancelled can be asked for again.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_next(netlink_reply& of, Token&& token = {}) {
    return when_receivable([&of](netlink_socket&) { return of.try_next(); }, std::forward<Token>(token));
  }
  /// Sends a request, and completes with its sequence number: `netlink_socket::request`.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_request(std::uint16_t type, std::uint16_t flags, std::span<const std::byte> payload, Token&& token = {}) {
    return when_sendable(
        [type, flags, payload](netlink_socket& to) { return to.request(type, flags, payload, dont_wait); },
        std::forward<Token>(token));
  }
  /// Sends requests of this socket's, perhaps not all: `netlink_requests::send`.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_send(netlink_requests& requests, Token&& token = {}) {
    return when_sendable([&requests](netlink_socket&) { return requests.send(dont_wait); }, std::forward<Token>(token));
  }

 private:
  using asio_object::asio_object;
};

}  // namespace scm::inline v0_1
