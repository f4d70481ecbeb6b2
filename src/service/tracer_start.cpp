#include <scm/process/message_filter.hpp>
#include <scm/process/watched.hpp>
#include <scm/service/tracer.hpp>

#include "service/tracer_loop.hpp"

#include <new>
#include <utility>

namespace scm::inline v0_1 {

tracer::tracer(std::unique_ptr<state> made) noexcept : state_{std::move(made)} {}
tracer::tracer(tracer&&) noexcept = default;
tracer& tracer::operator=(tracer&&) noexcept = default;
tracer::~tracer() = default;

result<tracer, spawn_error> tracer::start(const spawn_options& program, const tracer_options& options) noexcept {
  if (options.payload > tracer_options::most_payload) {
    return std::unexpected{spawn_error{std::make_error_code(std::errc::invalid_argument), spawn_step::prepare}};
  }
  std::unique_ptr<state> made{new (std::nothrow) state{options}};
  if (!made) {
    return std::unexpected{spawn_error{std::make_error_code(std::errc::not_enough_memory), spawn_step::prepare}};
  }
  const auto filter = message_filter(call_watcher::tracer);
  if (!filter) return std::unexpected{spawn_error{filter.error().code, spawn_step::prepare}};
  auto started = spawn_watched(program, *filter, call_watcher::tracer);
  if (!started) return std::unexpected{started.error()};
  if (const auto taken = made->seize(std::move(started->process)); !taken) {
    return std::unexpected{spawn_error{taken.error(), spawn_step::trace}};
  }
  return tracer{std::move(made)};
}

result<std::optional<traced_call>> tracer::next() noexcept {
  try {
    while (state_->taken == state_->ready.size()) {
      state_->ready.clear();
      state_->taken = 0;
      if (state_->over) return std::nullopt;
      if (const auto went = state_->step(); !went) {
        state_->end_all();
        return std::unexpected{went.error()};
      }
    }
    return result<std::optional<traced_call>>{std::in_place, std::move(state_->ready[state_->taken++])};
  } catch (...) {
    state_->end_all();
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
}

pid_t tracer::program() const noexcept { return state_->program; }
std::optional<exit_status> tracer::ended() const noexcept { return state_->ended; }

result<std::vector<unreceived_message>> tracer::unreceived() const noexcept {
  try {
    return state_->looks.pairs.unreceived();
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
}
std::uint64_t tracer::forgotten() const noexcept { return state_->looks.pairs.forgotten(); }

}  // namespace scm::inline v0_1
