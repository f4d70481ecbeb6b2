/// What a supervisor does all day: takes calls from the listener, lets those wait that must, and answers each once.
#pragma once

#include "service/supervisor_call.hpp"
#include "service/supervisor_desk.hpp"
#include "service/supervisor_live.hpp"

#include <scm/process/event.hpp>
#include <scm/service/supervisor.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace scm::inline v0_1::detail {

struct waiting_turn;
struct waiting_time;

/// A call that waits.
struct waiting_call : boost::intrusive::list_base_hook<boost::intrusive::tag<waiting_turn>>,
                      boost::intrusive::set_base_hook<boost::intrusive::tag<waiting_time>> {
  waiting_call(std::uint64_t its_id, pid_t its_thread, supervised_call&& of)
      : id{its_id}, thread{its_thread}, call{std::move(of)} {}

  std::uint64_t id;
  pid_t thread;
  pid_t process = 0;
  supervised_call call;
  deadline until = no_deadline;
  std::size_t descriptors = 0;    ///< That it holds here.
  std::uint64_t shared_seen = 0;  ///< Signals of the process that were pending at the last look.
  bool watched = false;           ///< Whether the socket is in the epoll set.

  friend bool operator<(const waiting_call& one, const waiting_call& other) noexcept { return one.until < other.until; }
};

class supervisor_loop {
 public:
  /// The program is reaped when it has ended; it is lent, as are the listener and `stopped`.
  supervisor_loop(borrowed_fd listener, child& program, const supervisor_options& options, event& stopped,
                  own_rights&& rights);
  supervisor_loop(const supervisor_loop&) = delete;
  supervisor_loop& operator=(const supervisor_loop&) = delete;
  ~supervisor_loop();

  /// Until nobody is left under the filter (true), or `stopped` (false). Errors: those of epoll.
  [[nodiscard]] result<bool> serve();

  [[nodiscard]] supervisor_statistics counted() const noexcept;
  [[nodiscard]] live_kernel& kernel() noexcept { return kernel_; }

 private:
  using turns = boost::intrusive::list<
      waiting_call, boost::intrusive::base_hook<boost::intrusive::list_base_hook<boost::intrusive::tag<waiting_turn>>>>;
  using times = boost::intrusive::multiset<
      waiting_call, boost::intrusive::base_hook<boost::intrusive::set_base_hook<boost::intrusive::tag<waiting_time>>>>;

  void wait_for_events();
  void serve_events();
  void reap() noexcept;
  void take_call() noexcept;
  void carry_on(waiting_call& one) noexcept;
  void park(std::uint64_t id, pid_t thread, supervised_call&& call, const call_step& step) noexcept;
  [[nodiscard]] bool wait_for(waiting_call& one, const call_step& step) noexcept;
  void answer(std::uint64_t id, std::int64_t value) noexcept;
  void drop(waiting_call& one) noexcept;
  void let_go(waiting_call& one) noexcept;
  void give_up(supervised_call& call, std::uint64_t id, int error) noexcept;

  void arm_timer();
  void on_timer();
  void look(waiting_call& one) noexcept;
  [[nodiscard]] bool its_turn_for(const waiting_call& one, std::uint64_t signals) noexcept;

  borrowed_fd listener_;
  child* program_;
  std::function<void()> program_ended_;
  event* stopped_;
  std::size_t most_waiting_;
  std::size_t most_descriptors_;  // that calls may hold together, so that a message's always find room
  std::size_t held_ = 0;
  supervised_desk desk_;
  live_kernel kernel_;
  owned_fd set_;  // epoll: the listener, the event that stops, and the sockets that are waited for
  bool over_ = false, hung_up_ = false;
  int not_taken_ = 0;
  std::error_code failed_;
  std::unordered_map<std::uint64_t, std::unique_ptr<waiting_call>> waiting_;  // by the call's id
  turns turns_;
  times times_;
  // Threads that were interrupted for a signal of their process which is still pending: it was not theirs.
  std::unordered_map<pid_t, std::vector<pid_t>> asked_;
  deadline next_look_ = no_deadline;
  deadline armed_ = no_deadline;

  boost::asio::io_context events_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  std::optional<boost::asio::posix::stream_descriptor> ready_;
  boost::asio::steady_timer timer_{events_};
};

}  // namespace scm::inline v0_1::detail
