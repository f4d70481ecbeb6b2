#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "core/uapi.hpp"
#include "process/restriction.hpp"

namespace scm::inline v0_1 {
namespace {

using detail::os_error;
using detail::stopped;

constexpr std::uint64_t bits_of(file_rights rights) noexcept { return rights.bits(); }

// What a version can deny of what can be done by a path.
constexpr file_rights deniable(int version) noexcept {
  using enum file_right;
  file_rights all;
  for (int i = 0; i <= static_cast<int>(device_ioctl); ++i) {
    const auto one = static_cast<file_right>(i);
    const int since = one == device_ioctl ? 5 : one == truncate ? 3 : one == move ? 2 : 1;
    if (version >= since) all.insert(one);
  }
  return all;
}
static_assert(bits_of(deniable(1)) == LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1);
static_assert(deniable(uapi::landlock_known) == every_file_right);

// Those that a file has which is no directory: the kernel refuses others.
constexpr file_rights of_a_file{file_right::execute, file_right::write, file_right::read, file_right::truncate,
                                file_right::device_ioctl};

denied_access asked_for(const allowed_access& allowed) noexcept {
  return {.files = every_file_right - allowed.unrestricted,
          .tcp = !allowed.tcp,
          .abstract_sockets = !allowed.abstract_sockets,
          .signals = !allowed.signals};
}

denied_access possible(const denied_access& asked, int version) noexcept {
  return {.version = version,
          .files = asked.files & deniable(version),
          .tcp = asked.tcp && version >= 4,
          .abstract_sockets = asked.abstract_sockets && version >= 6,
          .signals = asked.signals && version >= 6};
}

// 0 where the kernel has no Landlock, or was started without.
result<int, confine_error> version_here() noexcept {
  const int version = sys::landlock_version();
  if (version >= 0) return version;
  if (errno == ENOSYS || errno == EOPNOTSUPP) return 0;
  return stopped(confine_step::ruleset, os_error());
}

result<owned_fd, confine_error> empty_ruleset(const denied_access& denied) noexcept {
  const sys::landlock_ruleset handled{.files = bits_of(denied.files),
                                      .network = denied.tcp ? uapi::landlock_bind_tcp | uapi::landlock_connect_tcp : 0,
                                      .scopes = (denied.abstract_sockets ? uapi::landlock_scope_abstract_sockets : 0) |
                                                (denied.signals ? uapi::landlock_scope_signals : 0)};
  // An older kernel takes a longer structure, too, if what it does not know is zero; a filter may not.
  const std::size_t size = denied.version >= 6   ? sizeof handled
                           : denied.version >= 4 ? offsetof(sys::landlock_ruleset, scopes)
                                                 : offsetof(sys::landlock_ruleset, network);
  owned_fd made{sys::landlock_create_ruleset(handled, size)};
  if (!made) return stopped(confine_step::ruleset, os_error());
  return made;
}

bool denies_nothing(const denied_access& denied) noexcept {
  return denied.files.empty() && !denied.tcp && !denied.abstract_sockets && !denied.signals;
}

// A right that is not denied need not be allowed, and the kernel refuses to hear of it; so it does of no rights at all.
result<void, confine_error> add(const file_rule& one, std::size_t position, const detail::restriction& to) noexcept {
  struct stat status{};
  if (sys::fstat(one.beneath.native_handle(), status) != 0) return stopped(confine_step::rule, os_error(), position);
  file_rights allowed = one.allowed & to.denied.files;
  if (!S_ISDIR(status.st_mode)) allowed = allowed & of_a_file;
  if (allowed.empty()) return {};
  const landlock_path_beneath_attr beneath{bits_of(allowed), one.beneath.native_handle()};
  if (sys::landlock_add_rule(to.ruleset.native_handle(), beneath) != 0)
    return stopped(confine_step::rule, os_error(), position);
  return {};
}

}  // namespace

namespace detail {

// The kernel's own answer, which moves nothing: that of a process with one thread is that there is nothing to unshare.
// Where a filter forbids the question, as containers do, the number of links of the directory of threads counts them:
// unlike the directory it can be looked at after a first `restrict_access`.
result<void, confine_error> expect_one_thread() noexcept {
  constexpr nlink_t links_of_one = 3;
  if (sys::unshare(CLONE_THREAD) == 0) return {};
  if (errno != EINVAL) {
    struct stat status{};
    if (sys::lstat("/proc/self/task", status) != 0) return stopped(confine_step::threads, os_error());
    if (status.st_nlink == links_of_one) return {};
  }
  return stopped(confine_step::threads, std::make_error_code(std::errc::device_or_resource_busy));
}

result<void, confine_error> forbid_new_privileges() noexcept {
  if (sys::prctl(PR_SET_NO_NEW_PRIVS, 1) != 0) return stopped(confine_step::no_new_privileges, os_error());
  const int set = sys::prctl(PR_GET_NO_NEW_PRIVS, 0);
  if (set < 0) return stopped(confine_step::no_new_privileges, os_error());
  if (set != 1) return stopped(confine_step::no_new_privileges, errc::unsupported);
  return {};
}

result<restriction, confine_error> make_restriction(const allowed_access& allowed) noexcept {
  const auto version = version_here();
  if (!version) return std::unexpected{version.error()};
  denied_access asked = asked_for(allowed);
  restriction made{.denied = possible(asked, *version)};
  asked.version = *version;
  if (allowed.insist && made.denied != asked) return stopped(confine_step::ruleset, errc::unsupported);
  if (denies_nothing(made.denied)) return made;
  auto empty = empty_ruleset(made.denied);
  if (!empty) return std::unexpected{empty.error()};
  made.ruleset = std::move(*empty);
  for (std::size_t i = 0; i != allowed.files.size(); ++i) {
    if (auto added = add(allowed.files[i], i, made); !added) return std::unexpected{added.error()};
  }
  return made;
}

result<void, confine_error> enforce(const restriction& made) noexcept {
  if (made.ruleset && sys::landlock_restrict_self(made.ruleset.native_handle()) != 0) {
    return stopped(confine_step::access, os_error());
  }
  return {};
}

}  // namespace detail

result<denied_access, confine_error> restrict_access(const allowed_access& allowed) noexcept {
  if (auto alone = detail::expect_one_thread(); !alone) return std::unexpected{alone.error()};
  const auto made = detail::make_restriction(allowed);
  if (!made) return std::unexpected{made.error()};
  if (auto forbidden = detail::forbid_new_privileges(); !forbidden) return std::unexpected{forbidden.error()};
  if (auto done = detail::enforce(*made); !done) return std::unexpected{done.error()};
  return made->denied;
}

}  // namespace scm::inline v0_1
