/// A descriptor broker: keeps descriptors of programs that end and start again, under names, on a control server.
#pragma once

#include <scm/channel/listener.hpp>
#include <scm/core/address.hpp>
#include <scm/core/deadline.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace scm::inline v0_1 {

class control_server;

/// How much a broker keeps. A descriptor is one of those that are stored, or the one by which the end of the process is
/// seen that stored an expiring entry. All of them are open in the broker, whose RLIMIT_NOFILE must have room for them
/// and for its connections. What a predecessor hands over is kept whatever these say: they bound what comes next.
struct store_limits {
  std::size_t descriptors = 4096;
  std::size_t descriptors_per_user = 1024;  ///< So that no user can keep the others from storing anything.
  std::size_t entries = 4096;
  std::size_t entries_per_user = 1024;
};

struct broker_options {
  store_limits limits{};
  /// How long a hand-over may take, during which nobody is served.
  std::chrono::milliseconds hand_over_for{10'000};
  /// Told of a hand-over that failed: this broker has its store, and serves on. On the server's thread.
  std::function<void(std::error_code)> when_kept{};
};

/// Why nothing was taken over; the broker, if there is one, has its store.
struct take_over_error {
  std::error_code code;
  std::string said{};  ///< What the broker answered, if that is why.

  operator std::error_code() const noexcept { return code; }
};

struct taken_over;

/// Its commands, one a line, answered in JSON. Names are `is_fd_name` without blanks, and each user's own; root has
/// every right. U and G are numbers; a process is of the uid and the gid that its credentials name, and no other group.
///
///   store NAME [expiring] [to uid=U|gid=G|all…]   keeps the descriptors that come with it, in the place of what was
///   there;
///                                                 expiring: until the process that says it has ended (Linux 6.5)
///   fetch NAME [of uid=U]                         sends them; one's own, or what another has shared
///   drop NAME [of uid=U]                          closes them here
///   list [after NAME [of uid=U]]                  what one may fetch; goes on where "more" was true
///   hand-over                                     by a successor of the same user, or root: see `take_over`
///
/// What is closed here is closed on the server's thread, and a hostile descriptor can take its time (close(2)).
class SCM_API descriptor_broker {
 public:
  /// An empty one. Errors: epoll_create1(2)'s; `not_enough_memory`.
  [[nodiscard]] static result<descriptor_broker> make(const broker_options& options) noexcept;

  /// Becomes the successor of the broker at an address: has all that it had, and its listening socket, from which
  /// clients can go on waiting meanwhile, when that one serves nobody any more; and until then nothing. Its answers
  /// must come from this process's user or root, or from `whose`: an address that another has squatted is EPERM. Waits
  /// for `hand_over_for`, and once the store is this process's own for the other's end, however long that takes.
  /// Errors: those of `stream::connect`; `refused`, with the broker's words; those of records; EAGAIN where the broker
  /// has given it up; EMFILE and `descriptors_lost` where RLIMIT_NOFILE has no room.
  [[nodiscard]] static result<taken_over, take_over_error> take_over(const address& at, const broker_options& options,
                                                                     std::optional<uid_t> whose = {}) noexcept;

  descriptor_broker(descriptor_broker&&) noexcept;
  descriptor_broker& operator=(descriptor_broker&&) noexcept;
  /// Closes what is kept. After a hand-over the successor begins here.
  ~descriptor_broker();

  /// Adds the commands. The server must stay where it is, and not run any more when this is destroyed. Its `run` ends
  /// after a hand-over, too. Errors: those of `control_server::handle` and `when_readable`.
  [[nodiscard]] result<void> attach(control_server& to) noexcept;

  [[nodiscard]] bool handed_over() const noexcept;
  [[nodiscard]] std::size_t entries() const noexcept;
  [[nodiscard]] std::size_t descriptors() const noexcept;

 private:
  struct state;
  explicit descriptor_broker(std::unique_ptr<state> made) noexcept;
  std::unique_ptr<state> state_;
};

/// A broker that was taken over, and the listener to make its server with.
struct taken_over {
  descriptor_broker broker;
  listener<stream> at;
};

}  // namespace scm::inline v0_1
