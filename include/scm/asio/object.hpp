/// What the asynchronous objects are: a channel or the like, whose operations share it.
#pragma once

#include <scm/asio/operation.hpp>

#include <memory>
#include <utility>

namespace scm::inline v0_1::detail {

/// What every asynchronous object is: a state that its operations share, and that dies after the last of them.
template <class Object>
class asio_object {
 public:
  using executor_type = boost::asio::any_io_executor;

  asio_object(asio_object&&) noexcept = default;
  asio_object& operator=(asio_object&& other) noexcept {
    if (this != &other) {
      close();
      state_ = std::move(other.state_);
    }
    return *this;
  }

  [[nodiscard]] executor_type get_executor() const { return state_->receivable.get_executor(); }
  /// For what never waits: options, who the peer is, `try_send`.
  [[nodiscard]] Object& next_layer() noexcept { return state_->object; }

  /// What is pending completes with `operation_canceled`.
  void cancel() noexcept { state_->cancel(); }
  /// The same, and the socket is closed, by the last of what is pending. Afterwards this can be assigned to, and
  /// nothing else.
  void close() noexcept {
    if (state_) state_->close();
    state_.reset();
  }

 protected:
  explicit asio_object(std::shared_ptr<asio_state<Object>> state) noexcept : state_{std::move(state)} {}
  ~asio_object() { close(); }

  static result<std::shared_ptr<asio_state<Object>>> state_over(const executor_type& executor, Object&& over) {
    auto state = std::make_shared<asio_state<Object>>(executor, std::move(over));
    if (const auto opened = state->open(); !opened) {
      over = std::move(state->object);
      return std::unexpected{opened.error()};
    }
    return state;
  }
  template <class Attempt, class Token>
  auto when_receivable(Attempt attempt, Token&& token) {
    return asio_start(state_, state_->receivable, std::move(attempt), std::forward<Token>(token));
  }
  template <class Attempt, class Token>
  auto when_sendable(Attempt attempt, Token&& token) {
    return asio_start(state_, state_->sendable, std::move(attempt), std::forward<Token>(token));
  }

 private:
  std::shared_ptr<asio_state<Object>> state_;
};

}  // namespace scm::inline v0_1::detail
