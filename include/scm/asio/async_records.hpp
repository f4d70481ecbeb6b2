/// Records on Boost.Asio: any completion token.
#pragma once

#include <scm/asio/object.hpp>
#include <scm/frame/record_channel.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <span>
#include <utility>

namespace scm::inline v0_1 {

/// A channel of records whose sends and receives complete on an executor. The rules are those of `async_channel`.
class async_records : public detail::asio_object<record_channel> {
 public:
  [[nodiscard]] static result<async_records> make(const boost::asio::any_io_executor& executor, record_channel&& over) {
    auto state = state_over(executor, std::move(over));
    if (!state) return std::unexpected{state.error()};
    return async_records{std::move(*state)};
  }

  /// The next record, lent until the next receive: `record_channel::receive`.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_receive(Token&& token = {}) {
    return when_receivable([](record_channel& from) { return from.try_receive(); }, std::forward<Token>(token));
  }
  /// Sends a record, and completes when the kernel has all of it. One that is cancelled was not sent, or its last bytes
  /// wait in the channel, for the next send or flush.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_send(const_buffer bytes, std::span<const borrowed_fd> descriptors, Token&& token = {}) {
    return when_sendable(
        [bytes, descriptors, sent = false](record_channel& to) mutable -> result<void> {
          if (!sent) {
            if (const auto begun = to.send(bytes, descriptors, dont_wait); !begun) return begun;
            sent = true;
          }
          return to.waiting().bytes == 0 ? result<void>{} : to.flush(dont_wait);
        },
        std::forward<Token>(token));
  }
  /// Sends what was queued: `next_layer().queue(…)`.
  template <class Token = boost::asio::use_awaitable_t<>>
  auto async_flush(Token&& token = {}) {
    return when_sendable([](record_channel& to) { return to.flush(dont_wait); }, std::forward<Token>(token));
  }

 private:
  using asio_object::asio_object;
};

}  // namespace scm::inline v0_1
