/// Looking at a call of a stopped thread: what it passes when it begins, and what it was given when it ends.
#pragma once

#include "service/tracer_calls.hpp"
#include "service/tracer_pairs.hpp"
#include "service/tracer_sockets.hpp"

#include <scm/core/control_view.hpp>
#include <scm/core/fd.hpp>
#include <scm/foreign/message.hpp>
#include <scm/service/tracer.hpp>

#include <boost/container/small_vector.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace scm::inline v0_1::detail {

/// Bounds on what is kept of one call; all together, so that a sendmmsg(2) of 1024 messages is no worse than a sendmsg.
inline constexpr std::size_t traced_control_bytes = limits::foreign_control_bytes;
inline constexpr std::size_t traced_descriptors = 1024;
inline constexpr std::size_t traced_items = 256;
inline constexpr std::size_t traced_item_bytes = 256;
/// Of each payload that are compared to find the send of a receive, shown or not.
inline constexpr std::size_t compared_bytes = 32;

/// A call on its way.
struct call_in_progress {
  call_asked asked;
  traced_call shown;
  message_end socket;
  bool likely = false;  ///< Whether `socket` is what most likely is there (`socket_book::likely`).
  std::chrono::steady_clock::time_point begun;
  boost::container::small_vector<foreign_header, 1> headers;  ///< Of a receive, as they were before it.
  std::optional<foreign_message> receiving;                   ///< Of recvmsg(2): where its payload goes.
};

/// The descriptor table of a thread, and its memory.
class foreign_thread {
 public:
  explicit foreign_thread(pid_t number) noexcept : memory{number}, number_{number} {}

  [[nodiscard]] pid_t number() const noexcept { return number_; }
  /// A duplicate, to be looked at and closed. Errors: EBADF, EPERM, ESRCH, EMFILE.
  [[nodiscard]] result<owned_fd> fetch(int number) noexcept;
  /// The pidfd is kept from one call to the next, or closed now.
  void let_go() noexcept { handle_.reset(); }
  [[nodiscard]] bool holds() const noexcept { return static_cast<bool>(handle_); }

  /// The process it belongs to, from procfs; the thread itself where that is not there.
  [[nodiscard]] pid_t process() noexcept;

  process_memory memory;

 private:
  pid_t number_;
  pid_t process_ = 0;
  owned_fd handle_;
};

class call_looks {
 public:
  explicit call_looks(std::size_t payload) noexcept : payload_{payload} {}

  /// At the entry, before the thread goes on: what can be gone afterwards. Throws std::bad_alloc.
  [[nodiscard]] std::unique_ptr<call_in_progress> begin(foreign_thread& by, const call_asked& asked,
                                                        std::string program);
  /// Beside the call, once the thread goes on and before any other is looked at: the rest of the look. What is sent is
  /// on its way then. Throws std::bad_alloc.
  void on_its_way(foreign_thread& by, call_in_progress& call);
  /// At the exit; `returned` is the call's own result, negative an errno. Throws std::bad_alloc.
  void end(foreign_thread& by, call_in_progress& call, std::int64_t returned);
  /// It never returned.
  void abandon(call_in_progress& call) noexcept;
  /// What was shown has been taken out: the next call is looked at in its place.
  void done(std::unique_ptr<call_in_progress> call) noexcept { spare_ = std::move(call); }

  message_pairs pairs;

 private:
  struct room;  // what is left of the bounds
  void see_socket(foreign_thread& by, call_in_progress& call);
  void begin_sends(foreign_thread& by, call_in_progress& call);
  void begin_send(foreign_thread& by, foreign_memory& memory, call_in_progress& call, const foreign_message& message,
                  traced_message& shown, room& left);
  void begin_receive(foreign_thread& by, call_in_progress& call);
  void end_receive(foreign_thread& by, call_in_progress& call, std::size_t position, traced_message& shown, room& left);
  void read_control(foreign_thread& by, std::span<const std::byte> control, abi layout, bool close_on_exec,
                    traced_message& into, room& left);
  [[nodiscard]] traced_descriptor seen(foreign_thread& by, int number, bool close_on_exec, room& left);

  std::size_t payload_;
  std::uint64_t messages_ = 0;
  socket_book sockets_;
  std::unique_ptr<call_in_progress> spare_;
};

}  // namespace scm::inline v0_1::detail
