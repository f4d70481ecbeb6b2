/// What the asynchronous operations share: an attempt that never waits, and a wait that takes nothing.
#pragma once

#include <scm/channel/readiness.hpp>
#include <scm/core/fd.hpp>
#include <scm/core/result.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include <memory>
#include <system_error>
#include <type_traits>
#include <utility>

namespace scm::inline v0_1::detail {

using asio_code = boost::system::error_code;

/// What pending operations keep alive: the object, and the descriptors that the event loop sees in its place.
template <class Object>
struct asio_state {
  asio_state(const boost::asio::any_io_executor& executor, Object&& over)
      : object{std::move(over)}, receivable{executor}, sendable{executor} {}

  result<void> open() {
    const auto watched = [&](boost::asio::posix::stream_descriptor& by, readiness what) -> result<void> {
      auto made = watch(object.fd(), what);
      if (!made) return std::unexpected{made.error()};
      asio_code failed;
      by.assign(made->native_handle(), failed);
      if (failed) return std::unexpected{std::error_code{failed}};
      (void)made->release();
      return {};
    };
    const auto opened = watched(receivable, readiness::receivable);
    return opened ? watched(sendable, readiness::sendable) : opened;
  }
  void cancel() noexcept {
    asio_code ignored;  // nothing to cancel
    receivable.cancel(ignored);
    sendable.cancel(ignored);
  }
  void close() noexcept {
    asio_code ignored;
    receivable.close(ignored);
    sendable.close(ignored);
    closed = true;
  }

  Object object;
  boost::asio::posix::stream_descriptor receivable, sendable;
  bool closed = false;
};

template <class Error>
Error asio_error(std::error_code code) noexcept {
  if constexpr (std::is_convertible_v<std::error_code, Error>) {
    return code;
  } else {
    Error with{};
    with.code = code;
    return with;
  }
}

/// One operation. `Attempt` is called with the object and answers a result; EAGAIN means that there is nothing to be
/// had yet. It is called from the event loop, never from the initiating function, and never after a cancellation: what
/// was cancelled has taken nothing, and what has taken something completes with it.
template <class Object, class Attempt>
class asio_operation {
 public:
  using outcome = std::invoke_result_t<Attempt&, Object&>;

  asio_operation(std::shared_ptr<asio_state<Object>> state, boost::asio::posix::stream_descriptor& waits,
                 Attempt attempt)
      : state_{std::move(state)}, waits_{&waits}, attempt_{std::move(attempt)} {}

  template <class Self>
  void operator()(Self& self, asio_code failed = {}) {
    auto& waits = *waits_;  // which this keeps alive, wherever it is moved to
    if (!std::exchange(begun_, true)) {
      self.reset_cancellation_state(boost::asio::enable_total_cancellation());
      boost::asio::post(waits.get_executor(), std::move(self));
      return;
    }
    if (state_->closed || failed == boost::asio::error::operation_aborted ||
        self.cancelled() != boost::asio::cancellation_type::none) {
      failed = make_error_code(boost::system::errc::operation_canceled);
    }
    if (failed) {
      self.complete(outcome{std::unexpect, asio_error<typename outcome::error_type>(failed)});
      return;
    }
    auto got = attempt_(state_->object);
    if (!got && std::error_code{got.error()} == std::errc::resource_unavailable_try_again) {
      waits.async_wait(boost::asio::posix::stream_descriptor::wait_read, std::move(self));
      return;
    }
    self.complete(std::move(got));
  }

 private:
  std::shared_ptr<asio_state<Object>> state_;
  boost::asio::posix::stream_descriptor* waits_;
  Attempt attempt_;
  bool begun_ = false;
};

template <class Object, class Attempt, class Token>
auto asio_start(const std::shared_ptr<asio_state<Object>>& state, boost::asio::posix::stream_descriptor& waits,
                Attempt attempt, Token&& token) {
  using operation = asio_operation<Object, Attempt>;
  return boost::asio::async_compose<Token, void(typename operation::outcome)>(
      operation{state, waits, std::move(attempt)}, token, waits);
}

}  // namespace scm::inline v0_1::detail
