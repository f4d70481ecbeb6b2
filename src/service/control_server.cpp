#include <scm/service/control_server.hpp>

#include "service/control_commands.hpp"
#include "service/control_loop.hpp"

#include <scm/channel/readiness.hpp>

#include <algorithm>
#include <utility>

namespace scm::inline v0_1 {

using detail::asio_code;

struct control_server::state : detail::control_loop {
  using control_loop::control_loop;
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() {
    stopping = true;
    close_all();
    if (stop_event && stop_event->is_open()) (void)stop_event->release();
  }
};

namespace {

/// Memory and the event loop's own system calls are told by exceptions.
template <class Body>
auto without_exceptions(Body body) noexcept -> decltype(body()) {
  try {
    return body();
  } catch (const boost::system::system_error& failure) {
    return std::unexpected{std::error_code{failure.code()}};
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
}

bool usable(const control_limits& limits) noexcept {
  return limits.line != 0 && limits.connections != 0 && limits.connections_per_uid != 0 &&
         limits.unauthenticated != 0 && limits.unauthenticated_for.count() > 0 && limits.lines_per_uid != 0 &&
         limits.output_bytes != 0 && limits.descriptors_per_line <= limits::descriptors_per_message;
}

}  // namespace

control_server::control_server(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
control_server::control_server(control_server&&) noexcept = default;
control_server& control_server::operator=(control_server&&) noexcept = default;
control_server::~control_server() = default;

listen_options control_server::listening_options() noexcept {
  listen_options options;
  options.channel.items = {receive_item::credentials};
  return options;
}

result<control_server> control_server::make(listener<stream>&& at, const control_options& options) noexcept {
  return without_exceptions([&]() -> result<control_server> {
    if (!usable(options.limits)) return std::unexpected{std::make_error_code(std::errc::invalid_argument)};
    auto made = std::make_unique<state>(options);
    auto stopped = event::make();
    if (!stopped) return std::unexpected{stopped.error()};
    made->stopped = std::move(*stopped);
    auto spare = duplicate(made->stopped.fd());
    if (!spare) return std::unexpected{spare.error()};
    made->spare = std::move(*spare);
    made->deadlines.emplace(made->events);
    made->pause.emplace(made->events);
    made->stop_event.emplace(made->events, made->stopped.fd().native_handle());
    auto listening = async_listener<stream>::make(made->events.get_executor(), std::move(at));
    if (!listening) return std::unexpected{listening.error()};
    made->at.emplace(std::move(*listening));
    return control_server{std::move(made)};
  });
}

result<void> control_server::handle(std::string name, control_handler handler) noexcept {
  return without_exceptions([&]() -> result<void> {
    if (!detail::is_word(name) || !handler) return std::unexpected{std::make_error_code(std::errc::invalid_argument)};
    if (detail::is_own_command(name) || !state_->handlers.try_emplace(std::move(name), std::move(handler)).second) {
      return std::unexpected{std::make_error_code(std::errc::file_exists)};
    }
    return {};
  });
}

result<control_watch> control_server::when_readable(borrowed_fd fd, std::function<void()> then) noexcept {
  return without_exceptions([&]() -> result<control_watch> {
    auto watched = watch(fd, readiness::receivable);
    if (!watched) return std::unexpected{watched.error()};
    const auto one = std::make_shared<detail::control_watched>(state_->events, std::move(then));
    one->events.assign(watched->native_handle());
    (void)watched->release();
    const std::uint64_t key = ++state_->last_watch;
    state_->watches.emplace(key, one);
    if (state_->running) state_->watch_again(key, one);
    return control_watch{key};
  });
}

void control_server::forget(control_watch which) noexcept {
  const auto found = state_->watches.find(static_cast<std::uint64_t>(which));
  if (found == state_->watches.end()) return;
  const auto one = found->second;
  state_->watches.erase(found);
  asio_code ignored;
  one->events.close(ignored);
}

result<void> control_server::run() noexcept {
  state& loop = *state_;
  const auto served = without_exceptions([&]() -> result<void> {
    loop.stopping = false;
    loop.events.restart();
    if (loop.options.before_serving) {
      if (const auto ready = loop.options.before_serving(); !ready) return ready;
    }
    loop.running = true;
    loop.wait_for_stop();
    for (const auto& [key, one] : loop.watches) loop.watch_again(key, one);
    loop.accept();
    loop.events.run();
    return {};
  });
  loop.running = false;
  loop.stopping = true;
  loop.close_all();
  return served;
}

void control_server::stop() noexcept { (void)state_->stopped.signal(); }  // a full count has been told already

listener<stream>& control_server::listening() noexcept { return state_->at->next_layer(); }

control_statistics control_server::statistics() const noexcept { return state_->counted(); }

}  // namespace scm::inline v0_1
