#include "service/supervisor_rights.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"

#include <linux/capability.h>

#include <algorithm>

namespace scm::inline v0_1::detail {
namespace {

constexpr std::uint64_t bit(int capability) noexcept { return std::uint64_t{1} << capability; }
constexpr std::uint64_t vouching_takes = bit(CAP_SYS_ADMIN) | bit(CAP_SETUID) | bit(CAP_SETGID);

}  // namespace

result<own_rights> own_rights::ask() noexcept {
  own_rights made;
  sys::capability_sets sets{};
  if (sys::capget(sets) != 0) return os_failure();
  made.effective_ = sets.effective;
  made.permitted_ = sets.permitted;
  made.inheritable_ = sets.inheritable;
  made.user_ = ::geteuid();
  made.group_ = ::getegid();
  if (!made.any()) return made;
  const int count = sys::getgroups();
  if (count < 0) return os_failure();
  try {
    made.groups_.resize(static_cast<std::size_t>(count));
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  const int got = sys::getgroups(made.groups_.data(), count);
  if (got < 0) return os_failure();
  made.groups_.resize(static_cast<std::size_t>(std::min(got, count)));
  return made;
}

bool own_rights::may_vouch() const noexcept { return (effective_ & vouching_takes) == vouching_takes; }

borrowed_rights::borrowed_rights(const own_rights& own, const thread_status& of, bool vouching) noexcept : own_{&own} {
  if (!own.any()) return;
  if (!std::ranges::equal(own.groups_, of.groups)) {
    groups_changed_ = true;
    good_ = sys::setgroups(of.groups.data(), of.groups.size()) == 0;
  }
  // The two say nothing of whether they worked: asked with an id that nobody has they answer who it is.
  constexpr auto nobody = static_cast<uid_t>(-1);
  if (good_ && own.group_ != of.gids[3]) {
    (void)sys::setfsgid(of.gids[3]);
    good_ = static_cast<gid_t>(sys::setfsgid(nobody)) == of.gids[3];
  }
  if (good_ && own.user_ != of.uids[3]) {
    (void)sys::setfsuid(of.uids[3]);
    good_ = static_cast<uid_t>(sys::setfsuid(nobody)) == of.uids[3];
  }
  const std::uint64_t left = own.effective_ & (of.effective | (vouching ? vouching_takes : 0));
  if (good_ && left != own.effective_) {
    good_ = sys::capset_effective(left, own.permitted_, own.inheritable_) == 0;
  }
}

borrowed_rights::~borrowed_rights() {
  if (!own_->any()) return;
  (void)sys::capset_effective(own_->effective_, own_->permitted_, own_->inheritable_);
  (void)sys::setfsuid(own_->user_);
  (void)sys::setfsgid(own_->group_);
  if (groups_changed_) (void)sys::setgroups(own_->groups_.data(), own_->groups_.size());
  (void)sys::capset_effective(own_->effective_, own_->permitted_, own_->inheritable_);  // setfsuid(2) takes some away
}

}  // namespace scm::inline v0_1::detail
