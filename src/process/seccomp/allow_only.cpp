#include <scm/process/system_calls.hpp>

#include "process/seccomp/filter.hpp"
#include "process/seccomp/groups.hpp"

#include <array>

namespace scm::inline v0_1 {
namespace {

using detail::filter_failure;
using detail::filter_handle;

constexpr int largest_error = 4094;  // libseccomp takes no more
constexpr int x32_bit = 0x40000000;
constexpr std::size_t longest_name = 63;

// Below 0: another machine's; libseccomp takes rules for those, and leaves them out.
int number_of(const system_call& one) noexcept {
  if (one.name().empty()) return one.number() < 0 || one.number() >= x32_bit ? __NR_SCMP_ERROR : one.number();
  std::array<char, longest_name + 1> text{};
  if (one.name().size() > longest_name || one.name().contains('\0')) return __NR_SCMP_ERROR;
  one.name().copy(text.data(), longest_name);
  return ::seccomp_syscall_resolve_name(text.data());
}

int allow(const filter_handle& to, int number, const detail::condition& only) noexcept {
  const scmp_arg_cmp compared{only.argument, SCMP_CMP_MASKED_EQ, only.mask, only.value};
  return ::seccomp_rule_add_array(to.get(), SCMP_ACT_ALLOW, number, only.mask != 0 ? 1 : 0, &compared);
}

result<void, filter_error> add_groups(const filter_handle& to, call_groups groups) noexcept {
  for (const detail::grouped_call& one : detail::grouped_calls) {
    if ((groups & one.groups).empty()) continue;
    const int number = number_of(one.name);
    if (number == __NR_SCMP_ERROR) continue;  // newer than libseccomp, which cannot allow it
    if (const int added = allow(to, number, one.only); added != 0) return filter_failure(filter_step::build, added);
  }
  return {};
}

result<void, filter_error> add_calls(const filter_handle& to, const std::vector<system_call>& calls) noexcept {
  for (std::size_t i = 0; i != calls.size(); ++i) {
    const int number = number_of(calls[i]);
    if (number == __NR_SCMP_ERROR) return filter_failure(filter_step::call, -EINVAL, i);
    if (const int added = allow(to, number, {}); added != 0) return filter_failure(filter_step::call, added, i);
  }
  return {};
}

}  // namespace

result<void, filter_error> allow_only(const allowed_calls& allowed) noexcept {
  if (allowed.error < 0 || allowed.error > largest_error) return filter_failure(filter_step::build, -EINVAL);
  const filter_handle made{::seccomp_init(
      allowed.error == 0 ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(static_cast<std::uint32_t>(allowed.error)))};
  if (!made) return filter_failure(filter_step::build, -ENOMEM);
  struct attribute {
    scmp_filter_attr which;
    std::uint32_t value;
  };
  for (const attribute& one : {attribute{SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS},
                               attribute{SCMP_FLTATR_CTL_TSYNC, 1}, attribute{SCMP_FLTATR_API_SYSRAWRC, 1}}) {
    if (const int set = ::seccomp_attr_set(made.get(), one.which, one.value); set != 0) {
      return filter_failure(filter_step::build, set);
    }
  }
  if (auto added = add_groups(made, allowed.groups); !added) return added;
  if (auto added = add_calls(made, allowed.calls); !added) return added;
  if (const int loaded = ::seccomp_load(made.get()); loaded != 0) return filter_failure(filter_step::load, loaded);
  return {};
}

}  // namespace scm::inline v0_1
