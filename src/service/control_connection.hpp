/// One client of a control server, from accept to close.
#pragma once

#include "service/control_lines.hpp"
#include "service/control_output.hpp"
#include "service/control_shares.hpp"

#include <scm/channel/stream.hpp>
#include <scm/service/control_options.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/intrusive/list.hpp>

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string_view>

namespace scm::inline v0_1::detail {

struct control_loop;

/// A place in one of the queues of deadlines.
struct control_due;
using control_due_hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>,
                                                          boost::intrusive::tag<control_due>>;
struct control_due : control_due_hook {
  std::chrono::steady_clock::time_point until{};
};

/// Its socket is an open file of this process's own making, which nobody else holds: so the event loop may watch it
/// itself, and O_NONBLOCK harms nobody.
class control_connection : public control_member,
                           public control_due,
                           public std::enable_shared_from_this<control_connection> {
 public:
  control_connection(control_loop& loop, stream&& socket, control_share& owner);

  /// Begins to serve, or closes where there is no memory for it. `place` is where the loop keeps it.
  void open(std::list<std::shared_ptr<control_connection>>::iterator place) noexcept;
  /// Its turn: at most one receive, a number of lines, one flush.
  void turn() noexcept;
  /// Reads no further, and closes when all answers are gone.
  void finish() noexcept;
  /// The same, for one whose turn it is not.
  void drain() noexcept;
  /// At once. Afterwards only what the event loop still holds keeps it alive.
  void close() noexcept;
  [[nodiscard]] bool closing() const noexcept { return closing_; }
  [[nodiscard]] bool authenticated() const noexcept { return authenticated_; }

 private:
  enum class got : unsigned char { something, nothing, failed };

  void serve();
  got receive();
  void command(std::string_view line);
  void answer(control_answer&& with);
  void say(std::string_view text);
  void fail(int number, std::string_view message);
  void fail(line_fault why);
  void prompt();
  void flush();
  void writable() noexcept;
  void arm_read();
  void arm_write();
  void account() noexcept;
  void hand_over();

  control_loop& loop_;
  stream socket_;
  boost::asio::posix::stream_descriptor events_;
  std::list<std::shared_ptr<control_connection>>::iterator place_{};
  control_lines lines_;
  control_output output_;
  std::unique_ptr<std::function<void(stream&&)>> take_;
  std::size_t answers_ = 0;                            // that wait for their reader
  std::size_t counted_answers_ = 0, descriptors_ = 0;  // as the share has them
  control_mode mode_;
  bool open_ = false;
  bool authenticated_ = false;
  bool closing_ = false;
  bool reading_ = false;  // the event loop tells when there is something to read
  bool writing_ = false;
};

}  // namespace scm::inline v0_1::detail
