/// The connections of all clients, held by the monitor so that they outlive a worker.
#pragma once

#include "bounds.hpp"
#include "wire.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace privsep {

class held_clients {
 public:
  [[nodiscard]] bool full() const noexcept { return std::ranges::all_of(all_, is_taken); }

  /// Where it is held; nowhere if there is no room, or its user has enough.
  [[nodiscard]] std::optional<slot> hold(scm::owned_fd socket, uid_t user) noexcept {
    const auto of_user =
        std::ranges::count_if(all_, [&](const held& one) { return is_taken(one) && one.user == user; });
    const auto free = std::ranges::find_if_not(all_, is_taken);
    if (free == all_.end() || of_user >= std::ptrdiff_t{bounds::clients_of_one_user}) return {};
    *free = {std::move(socket), user};
    return static_cast<slot>(free - all_.begin());
  }

  /// False when nothing is held there: a worker says where.
  [[nodiscard]] bool release(slot where) noexcept {
    if (!at(where)) return false;
    all_[where].socket.reset();
    return true;
  }

  /// Lent; invalid when nothing is held there.
  [[nodiscard]] scm::borrowed_fd at(slot where) const noexcept {
    return where < all_.size() ? all_[where].socket.get() : scm::borrowed_fd{-1};
  }

 private:
  struct held {
    scm::owned_fd socket;
    uid_t user = 0;
  };
  static bool is_taken(const held& one) noexcept { return static_cast<bool>(one.socket); }
  std::array<held, bounds::clients> all_;
};

}  // namespace privsep
