/// What each user has of a control server, and whose turn it is. No sockets.
#pragma once

#include <boost/intrusive/list.hpp>

#include <sys/types.h>

#include <cstddef>
#include <map>

namespace scm::inline v0_1::detail {

struct control_share;

/// Something of a user's that can have its turn: a connection.
class control_member
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  control_share* share = nullptr;
};

/// What one user has, of all its connections.
struct control_share : boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
  explicit control_share(uid_t user) noexcept : uid{user} {}

  uid_t uid;
  std::size_t connections = 0;
  std::size_t unauthenticated = 0;
  std::size_t lines = 0;        // answers that wait for their reader
  std::size_t descriptors = 0;  // held for lines, or waiting to be sent
  boost::intrusive::list<control_member, boost::intrusive::constant_time_size<false>> due;
};

/// All users with connections. Users have their turns one after another, whatever number of connections each of them
/// has due; so do the connections of one user.
class control_shares {
 public:
  /// The user's share, made where there is none. Throws std::bad_alloc.
  [[nodiscard]] control_share& of(uid_t user) { return shares_.try_emplace(user, user).first->second; }
  /// Forgets a share that nothing uses.
  void release(control_share& share) noexcept {
    if (share.connections == 0) shares_.erase(share.uid);
  }
  [[nodiscard]] std::size_t size() const noexcept { return shares_.size(); }
  /// Who has most connections that have not said who they are; null where nobody has one.
  [[nodiscard]] control_share* most_unauthenticated() noexcept {
    control_share* most = nullptr;
    for (auto& [user, share] : shares_) {
      if (share.unauthenticated > (most == nullptr ? 0 : most->unauthenticated)) most = &share;
    }
    return most;
  }

  /// Puts a member at the end of its share's turns, if it is not there yet.
  void enqueue(control_member& member) noexcept {
    if (member.is_linked()) return;
    member.share->due.push_back(member);
    if (!member.share->is_linked()) turns_.push_back(*member.share);
  }
  [[nodiscard]] bool any() const noexcept { return !turns_.empty(); }
  /// Whose turn it is; null when there is nothing due.
  [[nodiscard]] control_member* next() noexcept {
    while (!turns_.empty()) {
      control_share& share = turns_.front();
      turns_.pop_front();
      if (share.due.empty()) continue;  // what was due has been closed
      control_member& member = share.due.front();
      share.due.pop_front();
      if (!share.due.empty()) turns_.push_back(share);
      return &member;
    }
    return nullptr;
  }

 private:
  boost::intrusive::list<control_share, boost::intrusive::constant_time_size<false>> turns_;
  std::map<uid_t, control_share> shares_;
};

}  // namespace scm::inline v0_1::detail
