#include "service/broker_store.hpp"

#include <algorithm>
#include <utility>

namespace scm::inline v0_1::detail {
namespace {

bool is_root(const credentials& who) noexcept { return who.uid == 0; }

}  // namespace

bool shared_with::includes(const credentials& who) const noexcept {
  return everybody || std::ranges::find(users, who.uid) != users.end() ||
         std::ranges::find(groups, who.gid) != groups.end();
}

descriptor_store::usage descriptor_store::used_by(uid_t owner) const noexcept {
  const auto found = users_.find(owner);
  return found == users_.end() ? usage{} : found->second;
}

result<void, store_refusal> descriptor_store::put(entry_name_view as, stored_entry& entry) {
  usage own = used_by(as.owner);
  usage all = all_;
  if (const auto old = entries_.find(as); old != entries_.end()) {
    for (usage* const one : {&own, &all}) {
      --one->entries;
      one->descriptors -= old->second.cost();
    }
  }
  const std::size_t cost = entry.cost();
  const auto room = [cost](const usage& used, std::size_t entries, std::size_t descriptors) {
    return used.entries < entries && used.descriptors <= descriptors && cost <= descriptors - used.descriptors;
  };
  if (!room(own, limits_.entries_per_user, limits_.descriptors_per_user)) {
    return std::unexpected{store_refusal::user_quota};
  }
  if (!room(all, limits_.entries, limits_.descriptors)) return std::unexpected{store_refusal::store_full};
  keep(as, entry);
  return {};
}

void descriptor_store::restore(entry_name_view as, stored_entry& entry) { keep(as, entry); }

// What takes memory comes first, and is taken back if something behind it has none.
void descriptor_store::keep(entry_name_view as, stored_entry& entry) {
  const auto user = users_.try_emplace(as.owner).first;
  std::map<std::uint64_t, entry_name_view> expiring;
  stored_entries fresh;
  try {
    fresh.try_emplace(entry_name{as.owner, std::string{as.name}}, stored_entry{nullptr, entry.group});
    if (entry.process) expiring.try_emplace(entry.number, fresh.begin()->first);
  } catch (...) {
    if (user->second.entries == 0) users_.erase(user);
    throw;
  }
  user->second.entries += 1;  // now, so that removing an old one does not take the user away
  user->second.descriptors += entry.cost();
  all_.entries += 1;
  all_.descriptors += entry.cost();
  fresh.begin()->second = std::move(entry);
  if (const auto old = entries_.find(as); old != entries_.end()) remove(old);
  entries_.merge(fresh);  // nodes, and so the names in them, stay where they are
  by_process_.merge(expiring);
}

void descriptor_store::remove(stored_entries::iterator which) noexcept {
  const std::size_t cost = which->second.cost();
  all_.entries -= 1;
  all_.descriptors -= cost;
  const auto user = users_.find(which->first.owner);
  user->second.entries -= 1;
  user->second.descriptors -= cost;
  if (user->second.entries == 0) users_.erase(user);
  by_process_.erase(which->second.number);
  entries_.erase(which);
}

result<const stored_entry*, store_refusal> descriptor_store::find(entry_name_view which,
                                                                  const credentials& who) const noexcept {
  const auto found = entries_.find(which);
  const bool own = which.owner == who.uid || is_root(who);
  // Whether another has a name is told to nobody who may not fetch it.
  if (found == entries_.end()) return std::unexpected{own ? store_refusal::no_entry : store_refusal::forbidden};
  if (!own && !found->second.with.includes(who)) return std::unexpected{store_refusal::forbidden};
  return &found->second;
}

result<void, store_refusal> descriptor_store::drop(entry_name_view which, const credentials& who) noexcept {
  if (which.owner != who.uid && !is_root(who)) return std::unexpected{store_refusal::forbidden};
  const auto found = entries_.find(which);
  if (found == entries_.end()) return std::unexpected{store_refusal::no_entry};
  remove(found);
  return {};
}

void descriptor_store::expire(bool (*ended)(borrowed_fd pidfd)) noexcept {
  for (auto at = by_process_.begin(); at != by_process_.end();) {
    const auto which = entries_.find(at->second);
    ++at;  // past the one that goes
    if (ended(which->second.process.pidfd())) remove(which);
  }
}

void descriptor_store::clear() noexcept {
  by_process_.clear();
  entries_.clear();
  users_.clear();
  all_ = {};
}

}  // namespace scm::inline v0_1::detail
