/// Channels and listeners on Boost.Asio: any completion token, so callbacks, futures and coroutines alike.
#pragma once

#include <scm/asio/object.hpp>
#include <scm/channel/channel.hpp>
#include <scm/channel/datagram.hpp>
#include <scm/channel/listener.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <span>
#include <utility>

namespace scm::inline v0_1 {

/// A channel whose sends and receives complete on an executor, with what the channel's own calls answer: a `result`.
///
/// A cancelled operation has done nothing, `operation_canceled`: no message was taken off the queue, and none was sent.
/// All cancellation types are the same. A deadline is composed: `channel.async_receive(…) || timer.async_wait(…)`. The
/// event loop sees descriptors of its own (`watch`), two for each object; O_NONBLOCK is never set on the socket.
///
/// Buffers and lent descriptors must live until completion. One receive and one send at a time; all from one strand, or
/// one thread. A channel that dies, or is closed, cancels what is pending. Memory that runs out throws, as Asio does.
template <class Channel>
class async_channel : public detail::asio_object<Channel> {
 public:
  /// On error the caller still owns the channel. Errors: those of `watch`.
  [[nodiscard]] static result<async_channel> make(const boost::asio::any_io_executor& executor, Channel&& over) {
    auto state = async_channel::state_over(executor, std::move(over));
    if (!state) return std::unexpected{state.error()};
    return async_channel{std::move(*state)};
  }

  /// A message of at most `max` descriptors, whole: `channel::receive`.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_receive(mutable_buffer room, std::size_t max, Token&& token = {}) {
    return this->when_receivable([room, max](Channel& from) { return from.try_receive(room, max); },
                                 std::forward<Token>(token));
  }
  /// The same, of what was agreed. The expectations that `agreed` borrows must live until completion, too.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_receive(mutable_buffer room, const admission& agreed, Token&& token = {}) {
    return this->when_receivable(
        [room, agreed](Channel& from) { return from.receive(room, agreed, {.until = dont_wait}); },
        std::forward<Token>(token));
  }

  /// One message: `channel::send`; on a stream perhaps fewer bytes. Where the kernel has no event for what is waited
  /// for
  /// (`too_many_in_flight`) it is told at once.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_send(const_buffer data, std::span<const borrowed_fd> descriptors, Token&& token = {}) {
    return this->when_sendable(
        [data, descriptors](Channel& to) { return to.send(data, descriptors, {.until = dont_wait}); },
        std::forward<Token>(token));
  }

 private:
  using detail::asio_object<Channel>::asio_object;
};

/// A listener whose connections come on an executor; otherwise as `async_channel`.
template <class Channel>
class async_listener : public detail::asio_object<listener<Channel>> {
 public:
  [[nodiscard]] static result<async_listener> make(const boost::asio::any_io_executor& executor,
                                                   listener<Channel>&& over) {
    auto state = async_listener::state_over(executor, std::move(over));
    if (!state) return std::unexpected{state.error()};
    return async_listener{std::move(*state)};
  }

  /// The next connection: `listener::accept`. EMFILE leaves it waiting.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_accept(Token&& token = {}) {
    return this->when_receivable([](listener<Channel>& at) { return at.accept(dont_wait); },
                                 std::forward<Token>(token));
  }

 private:
  using detail::asio_object<listener<Channel>>::asio_object;
};

}  // namespace scm::inline v0_1
