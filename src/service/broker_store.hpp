/// What a broker keeps: descriptors under names, and whose they are. No sockets, no clock.
#pragma once

#include "service/broker_process.hpp"

#include <scm/core/credentials.hpp>
#include <scm/core/descriptor_list.hpp>
#include <scm/service/broker.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scm::inline v0_1::detail {

/// Most users, and most groups, that one entry can be shared with: each is memory that its owner makes the broker take.
inline constexpr std::size_t shared_with_most = 32;

/// Who may fetch an entry besides its owner and root.
struct shared_with {
  std::vector<uid_t> users{};
  std::vector<gid_t> groups{};  ///< A process is of the one group that its credentials name.
  bool everybody = false;

  [[nodiscard]] bool includes(const credentials& who) const noexcept;
};

struct stored_entry {
  std::shared_ptr<const descriptor_list> descriptors;  ///< Never null; shared with answers that are on their way.
  gid_t group;                                         ///< Of who stored it, to be shown.
  shared_with with{};
  watched_process process{};  ///< Whose end is the entry's, too; empty when it stays.
  std::uint64_t number = 0;   ///< No other entry has it or had it.

  /// How many descriptors of this process it takes, which is what the quotas count.
  [[nodiscard]] std::size_t cost() const noexcept { return descriptors->size() + (process ? 1 : 0); }
};

/// Names are each user's own: nobody can take a name that another's program is going to ask for.
struct entry_name {
  uid_t owner;
  std::string name;
};
struct entry_name_view {
  uid_t owner;
  std::string_view name;

  entry_name_view(uid_t of, std::string_view called) noexcept : owner{of}, name{called} {}
  entry_name_view(const entry_name& whole) noexcept : owner{whole.owner}, name{whole.name} {}
  friend auto operator<=>(const entry_name_view&, const entry_name_view&) noexcept = default;
};
struct entry_order {
  using is_transparent = void;
  bool operator()(const entry_name_view& a, const entry_name_view& b) const noexcept { return a < b; }
};
using stored_entries = std::map<entry_name, stored_entry, entry_order>;

/// Why a store refuses.
enum class store_refusal : unsigned char {
  no_entry,    ///< The caller has no such entry; another's is spelled out.
  forbidden,   ///< It is another's.
  user_quota,  ///< Its owner would have more than a user may.
  store_full,  ///< All users would have more than the store holds.
};

class descriptor_store {
 public:
  explicit descriptor_store(const store_limits& limits) noexcept : limits_{limits} {}

  /// A number for the next entry.
  [[nodiscard]] std::uint64_t next_number() noexcept { return ++last_number_; }

  /// Keeps an entry under its owner's name, in the place of one that is there, which is dropped. Refused, the entry is
  /// left with the caller and nothing has changed. Throws std::bad_alloc, likewise.
  [[nodiscard]] result<void, store_refusal> put(entry_name_view as, stored_entry& entry);
  /// The same from another store, whatever the quotas say: they bound what comes next.
  void restore(entry_name_view as, stored_entry& entry);

  /// An entry that `who` may fetch: its own, what is shared with it, and root all. Lent until the next change.
  [[nodiscard]] result<const stored_entry*, store_refusal> find(entry_name_view which,
                                                                const credentials& who) const noexcept;
  /// Closes an entry, which takes its owner, or root.
  [[nodiscard]] result<void, store_refusal> drop(entry_name_view which, const credentials& who) noexcept;
  /// Closes the entries of processes that have ended.
  void expire(bool (*ended)(borrowed_fd pidfd)) noexcept;
  void clear() noexcept;

  /// All of them, by owner and then by name.
  [[nodiscard]] const stored_entries& entries() const noexcept { return entries_; }
  /// Descriptors of all entries.
  [[nodiscard]] std::size_t descriptors() const noexcept { return all_.descriptors; }

 private:
  struct usage {
    std::size_t entries = 0;
    std::size_t descriptors = 0;
  };

  void keep(entry_name_view as, stored_entry& entry);
  void remove(stored_entries::iterator which) noexcept;
  [[nodiscard]] usage used_by(uid_t owner) const noexcept;

  store_limits limits_;
  stored_entries entries_;
  std::map<uid_t, usage> users_;                         // who has something
  std::map<std::uint64_t, entry_name_view> by_process_;  // what can expire; the names are those in entries_
  usage all_;
  std::uint64_t last_number_ = 0;
};

}  // namespace scm::inline v0_1::detail
