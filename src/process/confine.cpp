#include <scm/process/confine.hpp>

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "process/restriction.hpp"
#include "process/run_as.hpp"

namespace scm::inline v0_1 {
namespace {

using detail::os_error;
using detail::stopped;

// Each number that there can be: where the kernel's end is nobody need know, and a wrong end would keep what lies
// behind.
constexpr unsigned long capability_numbers = 64;

result<void, confine_error> empty_bounding_set() noexcept {
  using enum confine_step;
  sys::capability_sets has{};
  if (sys::capget(has) != 0) return stopped(bounding_set, os_error());
  if ((has.effective & (std::uint64_t{1} << CAP_SETPCAP)) == 0) return {};
  for (unsigned long one = 0; one != capability_numbers; ++one) {
    if (sys::prctl(PR_CAPBSET_DROP, one) != 0 && errno != EINVAL) return stopped(bounding_set, os_error(), one);
  }
  for (unsigned long one = 0; one != capability_numbers; ++one) {
    const int there = sys::prctl(PR_CAPBSET_READ, one);
    if (there > 0) return stopped(bounding_set, errc::unsupported, one);
    if (there < 0 && errno != EINVAL) return stopped(bounding_set, os_error(), one);
  }
  return {};
}

// The ambient set is never more than what both permitted and inheritable set have, capabilities(7).
result<void, confine_error> empty_capability_sets() noexcept {
  using enum confine_step;
  if (sys::capset_none() != 0) return stopped(capabilities, os_error());
  sys::capability_sets has{};
  if (sys::capget(has) != 0) return stopped(capabilities, os_error());
  if ((has.effective | has.permitted | has.inheritable) != 0) return stopped(capabilities, errc::unsupported);
  return {};
}

result<void, confine_error> leave_groups() noexcept {
  using enum confine_step;
  int left = sys::getgroups();
  if (left > 0) {
    if (sys::setgroups(nullptr, 0) != 0) return stopped(groups, os_error());
    left = sys::getgroups();
  }
  if (left < 0) return stopped(groups, os_error());
  if (left > 0) return stopped(groups, errc::unsupported);
  return {};
}

result<void, confine_error> become(const run_as& as) noexcept {
  using enum confine_step;
  if (sys::setgroups(as.groups.data(), as.groups.size()) != 0) return stopped(groups, os_error());
  if (sys::setresgid(as.group) != 0) return stopped(group, os_error());
  if (sys::setresuid(as.user) != 0) return stopped(user, os_error());
  return {};
}

// The bounding set while there is a capability for it, which a change of user takes.
result<void, confine_error> give_up_identity(const confinement& wanted) noexcept {
  if (auto forbidden = detail::forbid_new_privileges(); !forbidden) return forbidden;
  if (auto emptied = empty_bounding_set(); !emptied) return emptied;
  if (wanted.as) {
    if (auto became = become(*wanted.as); !became) return became;
  } else if (!wanted.keep_groups) {
    if (auto left = leave_groups(); !left) return left;
  }
  if (auto emptied = empty_capability_sets(); !emptied) return emptied;
  if (!wanted.dumps && sys::prctl(PR_SET_DUMPABLE, 0) != 0) return stopped(confine_step::dumps, os_error());
  return {};
}

}  // namespace

result<void, confine_error> drop_groups() noexcept {
  if (auto alone = detail::expect_one_thread(); !alone) return alone;
  return leave_groups();
}

result<void, confine_error> drop_capabilities() noexcept {
  if (auto alone = detail::expect_one_thread(); !alone) return alone;
  return give_up_identity({.keep_groups = true, .dumps = true, .access = {}});
}

result<denied_access, confine_error> confine(const confinement& wanted) noexcept {
  if (wanted.as && !detail::says_everything(*wanted.as)) {
    return stopped(confine_step::user, std::make_error_code(std::errc::invalid_argument));
  }
  if (auto alone = detail::expect_one_thread(); !alone) return std::unexpected{alone.error()};
  detail::restriction access;
  if (wanted.access) {
    auto made = detail::make_restriction(*wanted.access);
    if (!made) return std::unexpected{made.error()};
    access = std::move(*made);
  }
  if (auto given_up = give_up_identity(wanted); !given_up) return std::unexpected{given_up.error()};
  if (auto done = detail::enforce(access); !done) return std::unexpected{done.error()};
  return access.denied;
}

std::string_view text_of(confine_step step) noexcept {
  switch (step) {
    using enum confine_step;
    case threads:
      return "making sure that there is one thread";
    case ruleset:
      return "making rules for what may be reached";
    case rule:
      return "making a rule for a file or directory";
    case no_new_privileges:
      return "forbidding new privileges";
    case bounding_set:
      return "emptying the bounding set of capabilities";
    case groups:
      return "setting the supplementary groups";
    case group:
      return "setting the group";
    case user:
      return "setting the user";
    case capabilities:
      return "giving up all capabilities";
    case dumps:
      return "forbidding dumps";
    case access:
      return "putting the rules for what may be reached in force";
  }
  return "giving up privileges";
}

}  // namespace scm::inline v0_1
