#include "sandbox.hpp"

#include <scm/process/confine.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace demo {
namespace {

void close_all_but(int kept) noexcept {
  const auto number = static_cast<unsigned>(kept);
  if (number != 0) syscall(SYS_close_range, 0U, number - 1, 0U);
  syscall(SYS_close_range, number + 1, UINT_MAX, 0U);
}

int count_descriptors() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  int count = 0;
  for (int number = 0; number != static_cast<int>(std::min<rlim_t>(limit.rlim_cur, 65536)); ++number) {
    if (fcntl(number, F_GETFD) >= 0) ++count;
  }
  return count;
}

bool write_text(const char* path, const char* text) noexcept {
  const scm::owned_fd file{open(path, O_WRONLY | O_CLOEXEC)};
  const auto size = static_cast<ssize_t>(std::strlen(text));
  return file && write(file.native_handle(), text, static_cast<std::size_t>(size)) == size;
}

/// A network namespace of its own, in which not even 127.0.0.1 is up. A user without privileges needs a user namespace
/// for it, where he keeps his own numbers so that credentials still mean something. 0, or errno.
int give_up_network() noexcept {
  if (unshare(CLONE_NEWNET) == 0) return 0;
  const auto user = static_cast<unsigned>(geteuid());
  const auto group = static_cast<unsigned>(getegid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return errno;
  char map[64];
  std::snprintf(map, sizeof map, "%u %u 1", user, user);
  write_text("/proc/self/uid_map", map);
  std::snprintf(map, sizeof map, "%u %u 1", group, group);
  write_text("/proc/self/setgroups", "deny");  // or the kernel refuses the next one
  write_text("/proc/self/gid_map", map);
  return 0;
}

/// Second best, and only with a privilege: a root directory that is empty and already removed. 0, or errno.
int give_up_root() noexcept {
  char empty[] = "/tmp/scm-demo-XXXXXX";
  if (mkdtemp(empty) == nullptr) return errno;
  const bool inside = chdir(empty) == 0;
  const int number = errno;
  rmdir(empty);
  if (!inside) return number;
  return chroot(".") == 0 ? 0 : errno;
}

}  // namespace

confinement enter_sandbox(scm::borrowed_fd channel, pid_t parent) noexcept {
  confinement given_up;
  close_all_but(channel.native_handle());
  given_up.network_error = give_up_network();
  // Files first: where the kernel has no Landlock, an empty root takes a privilege that is given up next.
  if (const auto denied = scm::restrict_access({}); denied && denied->version > 0) {
    given_up.landlock_version = denied->version;
  } else {
    given_up.landlock_error = denied ? ENOSYS : denied.error().code.value();
    given_up.chroot_error = give_up_root();
  }
  (void)scm::drop_groups();  // which is a privilege itself
  if (const auto done = scm::confine({.keep_groups = true, .access = {}}); !done) {
    given_up.privileges_error = done.error().code.value();
  }
  // Last, for the kernel forgets it when the credentials change.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  given_up.open_descriptors = count_descriptors();
  return given_up;
}

int try_to_open(const char* path) noexcept {
  return scm::owned_fd{open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)} ? 0 : errno;
}

int try_to_connect() noexcept {
  const scm::owned_fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!socket) return errno;
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_port = htons(9);
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(socket.native_handle(), reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0 ? 0 : errno;
}

}  // namespace demo
