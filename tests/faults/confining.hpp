// Scenarios: what a process gives up for good, in processes of its own.
#pragma once

#include "faults/use.hpp"

#include <scm/process/confine.hpp>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace scm::test {

// Runs `body` in a process that shares memory and descriptor table with this one, which waits: what it finds out and
// what it leaves open is seen here, and what it gives up is lost to it alone. (But for PR_SET_DUMPABLE, which belongs
// to the memory.)
inline void apart(const std::function<void()>& body) {
  struct life {
    const std::function<void()>& body;
    bool finished = false;
  } one{body};
  alignas(64) std::array<std::byte, 256 * 1024> stack;
  const auto live = [](void* argument) {
    auto& led = *static_cast<life*>(argument);
    try {
      led.body();
      led.finished = true;
    } catch (...) {  // what is thrown here would be caught by nobody
    }
    for (;;) ::syscall(SYS_exit_group, 0);
    return 0;
  };
  const int pid = ::clone(live, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &one);
  ::prctl(PR_SET_DUMPABLE, 1);
  REQUIRE(pid > 0);
  REQUIRE(::waitpid(pid, nullptr, 0) == pid);
  REQUIRE(one.finished);
}

inline bool has_landlock() { return sys::landlock_version() > 0; }

// The rules that hold whatever is given up.
inline std::vector<exception_for> exceptions_of_confining() {
  std::vector<exception_for> rules{
      {answers(make_error_code(std::errc::device_or_resource_busy)), sys::call::unshare, {}, EINVAL},
      {unmoved, sys::call::unshare},  // the threads are counted in another way
      {unmoved, sys::call::landlock_create_ruleset, {}, ENOSYS, 1},
      {unmoved, sys::call::landlock_create_ruleset, {}, EOPNOTSUPP, 1},
      {unmoved, sys::call::prctl, PR_CAPBSET_READ, EINVAL}};
  // One that is said not to exist, and does, is found to be there afterwards. (The third prctl and on.)
  for (int one = 0; one != 64; ++one) {
    const bool there = ::prctl(PR_CAPBSET_READ, one) == 1;
    rules.push_back({there ? answers(errc::unsupported) : unmoved, sys::call::prctl, PR_CAPBSET_DROP, EINVAL, one + 3});
  }
  return rules;
}

// What is prepared is done in the process that then gives it up.
inline scenario giving_up(std::string name, std::function<void()> prepare, std::function<std::error_code()> act) {
  scenario made{std::move(name), {}};
  made.run = [prepare = std::move(prepare), act = std::move(act)](const ordeal& under) {
    std::error_code code;
    apart([&] {
      prepare();
      code = under(act);
    });
    return code;
  };
  made.exceptions = exceptions_of_confining();
  return made;
}

inline void join_groups() {
  static constexpr gid_t some[]{1, 2, 3};
  if (::geteuid() == 0) ::syscall(sys::setgroups_number, 3, some);
}

// With groups to leave, and without the capability to empty the bounding set: 128 calls that one scenario tries.
inline void join_groups_and_keep_the_bounding_set() {
  join_groups();
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct halves[_LINUX_CAPABILITY_U32S_3]{};
  ::syscall(SYS_capget, &header, halves);
  halves[0].effective &= ~(1U << CAP_SETPCAP);
  ::syscall(SYS_capset, &header, halves);
}

inline std::vector<scenario> scenarios_of_confining() {
  const bool root = ::geteuid() == 0;
  const auto nothing = [] {};
  const auto everything = [root](std::optional<run_as> as) {
    return [root, as] {
      const owned_fd folder{::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)},
          file{::open("/dev/null", O_RDWR | O_CLOEXEC)};
      return code_of(confine({.as = as,
                              .keep_groups = !root,
                              .access = allowed_access{.files = {{folder, may_read}, {file, may_change}}}}));
    };
  };
  std::vector<scenario> all{
      giving_up("confine", join_groups_and_keep_the_bounding_set, everything({})),
      giving_up("drop_groups", join_groups, [root] { return root ? code_of(drop_groups()) : std::error_code{}; }),
      giving_up("drop_capabilities", nothing, [] { return code_of(drop_capabilities()); }),
      giving_up("restrict_access", nothing,
                [] {
                  const owned_fd folder{::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)};
                  return code_of(restrict_access({.files = {{folder, may_read}}, .insist = false}));
                }),
      giving_up("restrict_access where unshare(2) is forbidden", nothing, [] { return code_of(restrict_access({})); })};
  all.back().stumble = {sys::call::unshare, EPERM};
  if (root)
    all.push_back(giving_up("confine as somebody else", join_groups_and_keep_the_bounding_set,
                            everything(run_as{65534, 65534, {7}})));
  if (!root) all.erase(all.begin() + 1);  // there is nothing that it could do
  return all;
}

}  // namespace scm::test
