/// Handing a store over to another process: both sides of it.
///
/// Whose the store is, is decided by a baton, an eventfd that both hold with a count of 1: whoever takes the count. The
/// successor takes it once it has everything, checked; the broker takes it back when anything goes wrong before. So
/// there is one moment in which the store changes hands, whoever is killed and whatever was on its way; and the
/// successor serves only when the broker has hung up, so that no two ever do:
///
///   the baton is | the successor lives     | the successor has hung up
///   -------------|-------------------------|--------------------------
///   still there  | the broker takes it,    | the broker takes it,
///                | and serves on           | and serves on
///   taken        | the broker ends         | the broker serves on: the successor never did
///
/// A broker that dies before the successor has everything takes the store with it, as a broker does that dies alone;
/// after that the successor finds the baton, and the broker gone, and serves.
#pragma once

#include "service/broker_store.hpp"

#include <scm/channel/listener.hpp>
#include <scm/core/deadline.hpp>
#include <scm/frame/record_channel.hpp>

#include <memory>
#include <optional>

namespace scm::inline v0_1::detail {

/// A store, and the epoll descriptor in which the ends of its expiring entries' processes are waited for.
struct kept_store {
  kept_store(owned_fd&& epoll, const store_limits& limits) noexcept : ends{std::move(epoll)}, entries{limits} {}

  /// Closes the entries of processes that have ended. Nothing is looked at while none has.
  void expire() noexcept;

  owned_fd ends;  // first: the entries leave it when they die
  descriptor_store entries;
};
/// Errors: `not_enough_memory`; epoll_create1(2)'s.
[[nodiscard]] result<std::unique_ptr<kept_store>> make_store(const store_limits& limits) noexcept;

/// Why the store was not handed over: it is as it was, and to be served.
struct kept_error {
  std::error_code code;
  /// To be held until the end of the process: whose the store is could not be found out, and a successor that believes
  /// itself its owner must not see this end.
  std::optional<record_channel> undecided{};
};

/// Gives a store and the socket that it is served at to the process at the other end; nothing is closed here. What
/// comes back is to be held until this process serves nobody any more: its end is the successor's beginning. Waits no
/// longer than `until`. Errors: those of `record_channel`; `malformed` and `unknown_version` for what is no successor;
/// `end_of_file` for one that is gone; those of `event`.
[[nodiscard]] result<record_channel, kept_error> give_store(stream&& to, const descriptor_store& entries,
                                                            const listening_socket& at, deadline until) noexcept;

struct taken_store {
  std::unique_ptr<kept_store> store;
  listener<stream> at;
  /// To be held until the end of the process: the broker's end could not be waited for, and it must not see this one's.
  std::optional<record_channel> undecided;
};
/// The other side, over a connection on which the broker waits for `begin`. Waits no longer than `until` for what
/// comes, and then, when the store is this process's, for the broker's end, however long. Errors, after which the
/// broker has its store: as above; EAGAIN where the broker has taken it back.
[[nodiscard]] result<taken_store> take_store(stream&& from, const store_limits& limits, deadline until) noexcept;

}  // namespace scm::inline v0_1::detail
