#include "service/control_loop.hpp"

#include "core/os_error.hpp"
#include "service/control_commands.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

namespace scm::inline v0_1::detail {
namespace {

using boost::asio::posix::stream_descriptor;

/// How long nobody is accepted where the machine, and not a client, is the reason.
constexpr std::chrono::milliseconds accept_pause{50};

control_connection& connection_of(control_due& one) noexcept { return static_cast<control_connection&>(one); }

bool table_is_full(const std::error_code& why) noexcept {
  return &why.category() == &std::system_category() && (why.value() == EMFILE || why.value() == ENFILE);
}

}  // namespace

// --- turns -----------------------------------------------------------------------------------------------------------

void control_loop::due(control_connection& one) noexcept {
  shares.enqueue(one);
  keep_turning();
}

void control_loop::keep_turning() noexcept {
  if (std::exchange(turning, true)) return;
  try {
    boost::asio::post(events, [this] { turns(); });
  } catch (...) {  // no memory: the next event of anybody's tries again
    turning = false;
  }
}

void control_loop::turns() noexcept {
  // Taken out first: who has more to do is due again after the event loop has looked for what is new.
  std::array<std::shared_ptr<control_connection>, control_turns_at_once> round;
  for (auto& one : round) {
    auto* const next = shares.next();
    if (next == nullptr) break;
    one = static_cast<control_connection&>(*next).shared_from_this();
  }
  for (auto& one : round) {
    if (one) one->turn();
  }
  turning = false;
  if (shares.any()) keep_turning();
}

// --- deadlines -------------------------------------------------------------------------------------------------------

void control_loop::expect(control_connection& one, control_deadlines& queue,
                          std::chrono::milliseconds within) noexcept {
  static_cast<control_due&>(one).until = std::chrono::steady_clock::now() + within;
  queue.push_back(one);
  arm_timer();
}

void control_loop::arm_timer() noexcept {
  auto earliest = std::chrono::steady_clock::time_point::max();
  for (const auto* queue : {&hellos, &farewells}) {
    if (!queue->empty()) earliest = std::min(earliest, queue->front().until);
  }
  if (earliest == earliest.max() || (timing && deadlines->expiry() <= earliest)) return;
  try {
    timing = true;
    deadlines->expires_at(earliest);
    deadlines->async_wait([this](asio_code failed) {
      if (failed) return;  // for an earlier one
      timing = false;
      expire();
    });
  } catch (...) {
    timing = false;  // the next deadline tries again
  }
}

void control_loop::expire() noexcept {
  const auto now = std::chrono::steady_clock::now();
  for (auto* queue : {&hellos, &farewells}) {
    while (!queue->empty() && queue->front().until <= now) {
      ++statistics.late;
      connection_of(queue->front()).close();
    }
  }
  arm_timer();
}

// --- connections -----------------------------------------------------------------------------------------------------

void control_loop::accept() {
  if (stopping) return;
  at->async_accept([this](result<stream> got) {
    if (stopping) return;
    try {
      accepted(std::move(got));
    } catch (...) {  // no memory
      accept_later();
    }
  });
}

void control_loop::accepted(result<stream>&& got) {
  if (got) {
    take_in(std::move(*got));
  } else if (table_is_full(got.error())) {
    // The spare descriptor makes room for one connection, which is told why it is refused: left waiting, it would keep
    // the listener readable, and its client guessing.
    spare.reset();
    auto refused = at->next_layer().try_accept();
    if (!refused) return accept_later();
    if (auto room = duplicate(stopped.fd())) {  // it is not, any more
      spare = std::move(*room);
      take_in(std::move(*refused));
    } else {
      ++statistics.accepted;
      refuse(std::move(*refused), EMFILE, "no more connections can be opened here now, try again later");
    }
  } else {
    return accept_later();
  }
  if (!spare) {
    if (auto made = duplicate(stopped.fd())) spare = std::move(*made);
  }
  accept();
}

void control_loop::accept_later() {
  if (!spare) {
    if (auto made = duplicate(stopped.fd())) spare = std::move(*made);
  }
  if (stopping) return;
  pause->expires_after(accept_pause);
  pause->async_wait([this](asio_code failed) {
    if (!failed) accept();
  });
}

void control_loop::take_in(stream&& socket) {
  ++statistics.accepted;
  // A listener hands its items down; one that was inherited may not have them, and what it was sent before carries the
  // sender's credentials all the same (E4). A kernel without pidfds is served without.
  const auto set = socket.set(receive_item::credentials, true);
  (void)socket.set(receive_item::pidfd, true);
  const auto who = socket.connected_by();
  if (!set || !who) return;
  const auto& limits = options.limits;
  control_share& share = shares.of(who->uid);
  if (statistics.connections >= limits.connections || share.connections >= limits.connections_per_uid) {
    shares.release(share);
    return refuse(std::move(socket), E2BIG, "RATE");
  }
  ++share.connections;  // so that it is not released meanwhile
  if (statistics.unauthenticated >= limits.unauthenticated) drop_oldest_unauthenticated();
  --share.connections;
  try {
    connections.push_back(std::make_shared<control_connection>(*this, std::move(socket), share));
  } catch (...) {
    shares.release(share);
    throw;
  }
  const auto place = std::prev(connections.end());
  const auto one = *place;
  one->open(place);  // which may close it again
}

void control_loop::drop_oldest_unauthenticated() noexcept {
  const control_share* const most = shares.most_unauthenticated();
  const auto oldest = std::ranges::find_if(hellos, [&](control_due& one) { return connection_of(one).share == most; });
  if (oldest == hellos.end()) return;
  ++statistics.refused;
  connection_of(*oldest).close();
}

void control_loop::refuse(stream&& socket, int number, std::string_view message) {
  ++statistics.refused;
  const stream gone = std::move(socket);
  (void)const_cast<stream&>(gone).try_send(error_text(number, message) + '\n');  // a new socket has room for it
}

void control_loop::close_all() noexcept {
  while (!connections.empty()) connections.front()->close();
}

// --- watches and the end ---------------------------------------------------------------------------------------------

void control_loop::watch_again(std::uint64_t key, const std::shared_ptr<control_watched>& one) {
  one->events.async_wait(stream_descriptor::wait_read, [this, key, one](asio_code failed) {
    const auto still = [&] {
      const auto found = watches.find(key);
      return !stopping && found != watches.end() && found->second == one;
    };
    if (failed || !still()) return;
    try {
      one->then();
    } catch (...) {  // declared to be dropped
    }
    if (!still()) return;
    try {
      watch_again(key, one);
    } catch (...) {  // no memory: what cannot be watched must not be waited for in silence
      begin_stop();
    }
  });
}

void control_loop::wait_for_stop() {
  stop_event->async_wait(stream_descriptor::wait_read, [this](asio_code failed) {
    if (!failed) begin_stop();
  });
}

void control_loop::begin_stop() noexcept {
  if (std::exchange(stopping, true)) return;
  (void)stopped.take(dont_wait);
  asio_code ignored;
  stop_event->cancel(ignored);
  at->cancel();
  pause->cancel();
  for (auto& [key, one] : watches) one->events.cancel(ignored);
  for (auto next = connections.begin(); next != connections.end();) {
    const auto one = *next++;
    one->drain();
  }
  end_if_done();
}

void control_loop::end_if_done() noexcept {
  if (!stopping || !connections.empty()) return;
  deadlines->cancel();
  timing = false;
}

}  // namespace scm::inline v0_1::detail
