/// What a control server's connections share: the event loop, the accounts, the handlers.
#pragma once

#include "service/control_connection.hpp"
#include "service/control_shares.hpp"

#include <scm/asio/async_channel.hpp>
#include <scm/core/fd.hpp>
#include <scm/process/event.hpp>
#include <scm/service/control_options.hpp>
#include <scm/service/control_request.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scm::inline v0_1::detail {

/// What is read with one receive, and so what one client is served for before the next has its turn.
inline constexpr std::size_t control_chunk = 4096;
/// Commands of one turn, and bytes of their answers after which it ends.
inline constexpr int control_lines_per_turn = 32;
inline constexpr std::size_t control_bytes_per_turn = 65536;
/// Turns before the event loop looks for what is new.
inline constexpr std::size_t control_turns_at_once = 8;

using control_deadlines = boost::intrusive::list<control_due, boost::intrusive::base_hook<control_due_hook>,
                                                 boost::intrusive::constant_time_size<false>>;

struct control_watched {
  control_watched(boost::asio::io_context& loop, std::function<void()> call) : events{loop}, then{std::move(call)} {}
  boost::asio::posix::stream_descriptor events;  // an epoll descriptor of its own
  std::function<void()> then;
};

struct control_loop {
  explicit control_loop(const control_options& wanted) : options{wanted} {}

  [[nodiscard]] control_statistics counted() const noexcept {
    control_statistics now = statistics;
    now.uids = shares.size();
    return now;
  }
  /// Puts a connection among those whose turn it is to come.
  void due(control_connection& one) noexcept;
  /// Its time ends that much later than now; the two queues are in order, since all of one kind have the same time.
  void expect(control_connection& one, control_deadlines& queue, std::chrono::milliseconds within) noexcept;
  void arm_timer() noexcept;
  void expire() noexcept;
  void turns() noexcept;
  void keep_turning() noexcept;
  void accept();
  void accepted(result<stream>&& got);
  void take_in(stream&& socket);
  void refuse(stream&& socket, int number, std::string_view message);
  void drop_oldest_unauthenticated() noexcept;
  void accept_later();
  void wait_for_stop();
  void watch_again(std::uint64_t key, const std::shared_ptr<control_watched>& one);
  void begin_stop() noexcept;
  void end_if_done() noexcept;
  void close_all() noexcept;

  control_options options;
  control_statistics statistics;
  std::map<std::string, control_handler, std::less<>> handlers;
  std::array<char, control_chunk> chunk;
  std::vector<std::string_view> words;  // of the command that is carried out
  control_shares shares;
  event stopped;
  owned_fd spare;  // given up for a moment when the table is full, to refuse politely
  std::uint64_t last_watch = 0;
  bool turning = false;
  bool stopping = false;
  bool timing = false;
  bool running = false;

  // In this order: what waits in the event loop refers to all above, and what follows is watched by it.
  boost::asio::io_context events{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  std::list<std::shared_ptr<control_connection>> connections;
  control_deadlines hellos;     // the oldest first, as all of a kind have the same time
  control_deadlines farewells;  // those that close
  std::map<std::uint64_t, std::shared_ptr<control_watched>> watches;
  std::optional<async_listener<stream>> at;
  std::optional<boost::asio::posix::stream_descriptor> stop_event;
  std::optional<boost::asio::steady_timer> deadlines;
  std::optional<boost::asio::steady_timer> pause;
};

}  // namespace scm::inline v0_1::detail
