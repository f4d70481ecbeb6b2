/// A server of a line protocol that takes nobody's word for who they are: each byte of each line is attested.
#pragma once

#include <scm/channel/listener.hpp>
#include <scm/service/control_options.hpp>
#include <scm/service/control_request.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace scm::inline v0_1 {

/// Which descriptor is watched: what `when_readable` answered.
enum class control_watch : std::uint64_t {};

/// A control socket for a daemon: lines of words in, lines out, and descriptors both ways (docs/design.md, "Control
/// server"). One thread, which is the one that runs it; everything but `stop` is for that thread.
///
/// A line ends in a newline (a carriage return before it is dropped) and holds words between blanks; control characters
/// are refused. Its own commands are ping, version, prompt, stat, stats, quit and exit. Errors are answered as
/// {"err":errno,"msg":"…"}.
///
/// Descriptors belong to the line whose bytes came with them. The kernel may deliver them with bytes that were sent
/// before (C1), so a client that sends descriptors sends that line by itself, with one call, when all earlier lines are
/// answered; where lines and descriptors arrive together that do not tell, the connection is closed with an error.
class SCM_API control_server {
 public:
  /// What a listener for a control server is bound with: its connections need credentials from their first byte on.
  [[nodiscard]] static listen_options listening_options() noexcept;

  /// Serves at a listener, bound with `listening_options` or inherited. On error the caller still owns it. Errors:
  /// `invalid_argument` for limits of 0, or for more than 253 descriptors a line; those of eventfd(2), epoll and
  /// timerfd; `not_enough_memory`.
  [[nodiscard]] static result<control_server> make(listener<stream>&& at, const control_options& options) noexcept;

  control_server(control_server&&) noexcept;
  control_server& operator=(control_server&&) noexcept;
  /// Closes all connections, answered or not.
  ~control_server();

  /// Lines whose first word is `name` are the handler's. Errors: `invalid_argument` for a name that is not one word;
  /// `file_exists` for one that has a handler, or is the server's own; `not_enough_memory`.
  [[nodiscard]] result<void> handle(std::string name, control_handler handler) noexcept;

  /// Calls back, on the server's thread, as often as `fd` (a pidfd, an eventfd, a timerfd, a signalfd) is readable:
  /// what makes it so is to be taken. It is borrowed until it is forgotten, and watched through an epoll descriptor of
  /// our own. An exception of `then` is dropped. Errors: those of `watch`; `not_enough_memory`.
  [[nodiscard]] result<control_watch> when_readable(borrowed_fd fd, std::function<void()> then) noexcept;
  /// It is not called any more, not even if it is due.
  void forget(control_watch which) noexcept;

  /// Serves until `stop`, and then until the answers that are due have been read, at most for the grace period. All
  /// connections are closed afterwards; handlers and watches stay, and it can be run again. Errors: that of
  /// `before_serving`; `not_enough_memory`.
  [[nodiscard]] result<void> run() noexcept;
  /// Ends `run`, or the next one: from a handler, another thread or a signal handler. Nobody new is accepted, no
  /// further line is read. Whoever waits to be accepted stays in the listener.
  void stop() noexcept;

  /// The listener, for whoever takes over from here: when it does not run, or from `control_answer::take`.
  [[nodiscard]] listener<stream>& listening() noexcept;
  [[nodiscard]] control_statistics statistics() const noexcept;

  struct state;  ///< Inside.

 private:
  explicit control_server(std::unique_ptr<state> made) noexcept;
  std::unique_ptr<state> state_;
};

}  // namespace scm::inline v0_1
