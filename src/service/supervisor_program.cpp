#include <scm/service/supervisor.hpp>

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "service/supervisor_loop.hpp"

#include <scm/process/message_filter.hpp>

#include <csignal>
#include <utility>

namespace scm::inline v0_1 {

struct supervisor::state {
  supervisor_options options;
  watched_child program;
  event stopped;
  std::optional<detail::supervisor_loop> loop;
  supervisor_statistics last;
  bool left = false;  // nobody is under the filter any more

  state() = default;
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() { end(); }

  // What at_end says, for those that are left.
  void end() noexcept {
    if (!left && options.at_end == supervision_end::kill && loop) {
      loop->kernel().threads().each([](const detail::known_thread& one) { detail::kill_process(one); });
    }
    if (!left && options.at_end == supervision_end::kill) (void)program.process.signal(SIGKILL);
    if (loop) last = loop->counted();
    last.pending = 0;
    loop.reset();
    program.listener.reset();  // whoever waits for an answer has ENOSYS
    if (!left && options.at_end == supervision_end::release) (void)program.process.detach();
    left = true;
  }
};

namespace {

/// Memory and the event loop's own system calls are told by exceptions.
template <class Body>
auto without_exceptions(Body body) noexcept -> decltype(body()) {
  using answer = decltype(body());
  using failure = typename answer::error_type;
  const auto as_failure = [](std::error_code code) {
    if constexpr (std::is_same_v<failure, spawn_error>) {
      return std::unexpected{spawn_error{code, spawn_step::prepare}};
    } else {
      return std::unexpected{code};
    }
  };
  try {
    return body();
  } catch (const boost::system::system_error& thrown) {
    return as_failure(std::error_code{thrown.code()});
  } catch (...) {
    return as_failure(std::make_error_code(std::errc::not_enough_memory));
  }
}

// SIGPIPE of a send is the program's: blocked, it is there to be taken (supervisor_live.cpp).
class pipes_blocked {
 public:
  pipes_blocked() noexcept {
    sys::signal_set now = 0;
    good_ = sys::signal_mask(~sys::signal_set{0}, &before_) == 0;  // all, for the moment between the two
    now = before_ | sys::signal_set{1} << (SIGPIPE - 1);
    if (good_) (void)sys::restore_signal_mask(now);
  }
  pipes_blocked(const pipes_blocked&) = delete;
  pipes_blocked& operator=(const pipes_blocked&) = delete;
  ~pipes_blocked() {
    if (good_) (void)sys::restore_signal_mask(before_);
  }

 private:
  sys::signal_set before_ = 0;
  bool good_;
};

}  // namespace

supervisor::supervisor(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
supervisor::supervisor(supervisor&&) noexcept = default;
supervisor& supervisor::operator=(supervisor&&) noexcept = default;
supervisor::~supervisor() = default;

result<supervisor, spawn_error> supervisor::start(const spawn_options& program, supervisor_options options) noexcept {
  return without_exceptions([&]() -> result<supervisor, spawn_error> {
    auto made = std::make_unique<state>();
    made->options = std::move(options);
    auto stopped = event::make();
    if (!stopped) return std::unexpected{spawn_error{stopped.error(), spawn_step::prepare}};
    made->stopped = std::move(*stopped);
    const auto filter = message_filter(call_watcher::listener);
    if (!filter) return std::unexpected{spawn_error{filter.error().code, spawn_step::filter}};
    spawn_options wanted = program;
    if (made->options.at_end == supervision_end::kill && wanted.parent_death_signal == 0) {
      wanted.parent_death_signal = SIGKILL;
    }
    auto started = spawn_watched(wanted, *filter, call_watcher::listener);
    if (!started) return std::unexpected{started.error()};
    made->program = std::move(*started);
    return supervisor{std::move(made)};
  });
}

result<exit_status> supervisor::run() noexcept {
  state& self = *state_;
  const auto served = without_exceptions([&]() -> result<bool> {
    if (self.left) return std::unexpected{std::make_error_code(std::errc::no_such_process)};
    if (self.options.before_serving) {
      if (const auto ready = self.options.before_serving(); !ready) return std::unexpected{ready.error()};
    }
    auto rights = detail::own_rights::ask();
    if (!rights) return std::unexpected{rights.error()};
    self.loop.emplace(self.program.listener.get(), self.program.process, self.options, self.stopped,
                      std::move(*rights));
    const pipes_blocked blocked;
    return self.loop->serve();
  });
  self.left = self.left || (served && *served);
  const bool ended = self.left;
  self.end();
  if (!served) return std::unexpected{served.error()};
  if (!ended && self.options.at_end == supervision_end::release) return exit_status{};
  return self.program.process.wait();
}

void supervisor::stop() noexcept { (void)state_->stopped.signal(); }  // a full count has been told already

child& supervisor::program() noexcept { return state_->program.process; }

supervisor_statistics supervisor::statistics() const noexcept {
  return state_->loop ? state_->loop->counted() : state_->last;
}

}  // namespace scm::inline v0_1
