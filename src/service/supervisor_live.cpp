#include "service/supervisor_live.hpp"

#include "service/supervisor_names.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "core/uapi.hpp"

#include <scm/core/limits.hpp>

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

namespace scm::inline v0_1::detail {
namespace {

constexpr sys::signal_set broken_pipes = sys::signal_set{1} << (SIGPIPE - 1);

bool can(const thread_status& of, int capability) noexcept { return (of.effective >> capability & 1) != 0; }

}  // namespace

bool live_kernel::valid() noexcept {
  return sys::ioctl(listener_.native_handle(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id_) == 0;
}

supervised_caller live_kernel::who() noexcept {
  const auto thread = threads_.find(thread_);
  if (!thread) return {.thread = thread_};
  return {thread_, (*thread)->process, (*thread)->pidfd.get()};
}

// The pidfd may be of a thread that had this number before: then it is gone.
result<owned_fd> live_kernel::fetch(int number) noexcept {
  for (int attempt = 0;; ++attempt) {
    const auto thread = threads_.find(thread_);
    if (!thread) return std::unexpected{thread.error()};
    owned_fd got{sys::pidfd_getfd((*thread)->pidfd.native_handle(), number)};
    if (got) return got;
    const int failure = errno;
    if (failure == EBADF || failure == EPERM || attempt != 0) return os_failure(failure);
    threads_.forget(thread_);
  }
}

result<int> live_kernel::add(borrowed_fd ours, int number, bool close_on_exec) noexcept {
  seccomp_notif_addfd asked{};
  asked.id = id_;
  asked.flags = number >= 0 ? SECCOMP_ADDFD_FLAG_SETFD : 0;
  asked.srcfd = static_cast<std::uint32_t>(ours.native_handle());
  asked.newfd = number >= 0 ? static_cast<std::uint32_t>(number) : 0;
  asked.newfd_flags = close_on_exec ? std::uint32_t{O_CLOEXEC} : 0;
  const int put = sys::ioctl(listener_.native_handle(), SECCOMP_IOCTL_NOTIF_ADDFD, &asked);
  if (put < 0) return os_failure();
  return put;
}

result<int> live_kernel::install(borrowed_fd ours, bool close_on_exec, bool scattered) noexcept {
  if (!scattered) return add(ours, -1, close_on_exec);
  const auto number = free_number(thread_);
  if (!number) return std::unexpected{number.error()};
  return add(ours, *number, close_on_exec);
}

result<credentials> live_kernel::real_identity() noexcept {
  const auto thread = threads_.find(thread_);
  if (!thread) return std::unexpected{thread.error()};
  uapi::pidfd_info info{};
  info.mask = uapi::pidfd_info_pid;
  if (sys::ioctl((*thread)->pidfd.native_handle(), uapi::pidfd_get_info, &info) == 0) {
    return credentials{static_cast<pid_t>(info.tgid), info.ids[0], info.ids[1]};
  }
  const auto status = status_of(thread_);
  if (!status) return std::unexpected{status.error()};
  return credentials{status->process, status->uids[0], status->gids[0]};
}

// What the kernel would have stamped, or would have let the program claim: scm_check_creds().
result<std::optional<credentials>> live_kernel::identity(const std::optional<credentials>& claimed) noexcept {
  if (!claimed) {
    if (!rights_.may_vouch()) return std::nullopt;
    const auto own = real_identity();
    if (!own) return std::unexpected{own.error()};
    return *own;
  }
  const auto of = status_of(thread_);
  if (!of) return std::unexpected{of.error()};
  if (claimed->uid == static_cast<uid_t>(-1) || claimed->gid == static_cast<gid_t>(-1)) return os_failure(EINVAL);
  // Its ids are told in our user namespace, and what it claims in its own.
  const auto shared = shares_users(thread_);
  if (!shared) return std::unexpected{shared.error()};
  credentials wanted = *claimed;
  if (!*shared) {
    const auto user = id_from(thread_, id_kind::user, claimed->uid);
    const auto group = id_from(thread_, id_kind::group, claimed->gid);
    if (!user || !group) return std::unexpected{user ? group.error() : user.error()};
    if (!*user || !*group) return os_failure(EINVAL);
    wanted.uid = **user;
    wanted.gid = **group;
  }
  const bool own_number = claimed->pid == of->own_process;
  const auto has = [](const auto& ids, auto id) {
    return std::find(ids.begin(), ids.begin() + 3, id) != ids.begin() + 3;
  };
  // For another's number the right is wanted where the numbers are from: not by root of some user namespace.
  if ((!own_number && (!can(*of, CAP_SYS_ADMIN) || (!*shared && !of->own_pids))) ||
      (!has(of->uids, wanted.uid) && !can(*of, CAP_SETUID)) || (!has(of->gids, wanted.gid) && !can(*of, CAP_SETGID))) {
    return os_failure(EPERM);
  }
  // Without privilege there is nothing to vouch with: the kernel names this process where it names anybody.
  if (!rights_.may_vouch()) return own_number ? result<std::optional<credentials>>{std::nullopt} : os_failure(EPERM);
  // Another number of a namespace that is not ours cannot be told in ours.
  if (!own_number && of->own_pids) return os_failure(ESRCH);
  if (own_number) wanted.pid = of->process;
  return wanted;
}

credentials live_kernel::seen_there(const credentials& sender) noexcept {
  credentials seen = sender;
  if (const auto shared = shares_users(thread_); shared && !*shared) {
    seen.uid = id_seen_by(thread_, id_kind::user, sender.uid);
    seen.gid = id_seen_by(thread_, id_kind::group, sender.gid);
  }
  if (sender.pid > 0) seen.pid = process_seen_by(thread_, sender.pid);
  return seen;
}

result<found_name> live_kernel::find(std::span<const std::byte> name) noexcept {
  const auto status = status_of(thread_);
  if (!status) return std::unexpected{status.error()};
  if (!valid()) return os_failure(ESRCH);
  return find_name(thread_, rights_, *status, name);
}

void live_kernel::break_pipe() noexcept {
  const auto thread = threads_.find(thread_);
  if (thread) (void)sys::tgkill((*thread)->process, thread_, SIGPIPE);
}

void kill_process(const known_thread& thread) noexcept {
  (void)sys::pidfd_send_signal(thread.pidfd.native_handle(), SIGKILL);  // a thread's ends its whole process
}

void live_kernel::kill() noexcept {
  const auto thread = threads_.find(thread_);
  if (thread) kill_process(**thread);
}

result<int> live_kernel::option(borrowed_fd socket, int name) noexcept {
  int value = 0;
  socklen_t size = sizeof value;
  if (sys::getsockopt(socket.native_handle(), SOL_SOCKET, name, &value, &size) != 0) return os_failure();
  return value;
}

result<std::optional<std::chrono::nanoseconds>> live_kernel::timeout(borrowed_fd socket, int name) noexcept {
  timeval value{};
  socklen_t size = sizeof value;
  if (sys::getsockopt(socket.native_handle(), SOL_SOCKET, name, &value, &size) != 0) return os_failure();
  if (value.tv_sec == 0 && value.tv_usec == 0) return std::nullopt;
  constexpr auto longest =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::nanoseconds::max()).count() - 1;
  return std::chrono::seconds{std::min<std::int64_t>(value.tv_sec, longest)} + std::chrono::microseconds{value.tv_usec};
}

// Only recvmmsg(2) itself can set it: a look at what is queued, which takes nothing, and a message that is wrong behind
// it. Where nothing is queued there is no way.
void live_kernel::leave_error(borrowed_fd socket, int number) noexcept {
  std::array<mmsghdr, 2> messages{};
  msghdr& wrong = messages[1].msg_hdr;
  iovec nothing{};
  wrong.msg_iov = &nothing;
  switch (number) {
    case EFAULT:
      wrong.msg_iov = reinterpret_cast<iovec*>(sizeof(iovec));  // no program has a page there
      wrong.msg_iovlen = 1;
      break;
    case EMSGSIZE:
      wrong.msg_iovlen = 2 * limits::buffers_per_message;
      break;
    case EINVAL:
      wrong.msg_name = &nothing;
      wrong.msg_namelen = static_cast<socklen_t>(-1);
      break;
    default:
      return;
  }
  (void)sys::recvmmsg(socket.native_handle(), messages.data(), 2, MSG_PEEK | MSG_DONTWAIT);
}

bool live_kernel::connected(borrowed_fd socket) noexcept {
  sockaddr_storage name;
  socklen_t size = sizeof name;
  return sys::getpeername(socket.native_handle(), reinterpret_cast<sockaddr*>(&name), &size) == 0;
}

bool live_kernel::nonblocking(borrowed_fd socket) noexcept {
  const int flags = sys::fcntl(socket.native_handle(), F_GETFL);
  return flags < 0 || (flags & O_NONBLOCK) != 0;
}

result<std::size_t> live_kernel::receive(borrowed_fd socket, msghdr& message, int flags) noexcept {
  const auto room = message;
  for (;;) {
    const ssize_t got = sys::recvmsg(socket.native_handle(), message, flags);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return os_failure();
    message = room;
  }
}

send_outcome live_kernel::send(borrowed_fd socket, int family, const msghdr& message, int flags) noexcept {
  // Only where rights are asked for: by whom a path leads to, and by what other families let privileged senders do.
  const bool by_path = family == AF_UNIX && message.msg_name != nullptr && message.msg_namelen > sizeof(sa_family_t) &&
                       static_cast<const char*>(message.msg_name)[sizeof(sa_family_t)] != '\0';
  std::optional<thread_status> of;
  std::optional<borrowed_rights> lent;
  if (rights_.any() && (family != AF_UNIX || by_path)) {
    auto status = status_of(thread_);
    if (!status) return {std::unexpected{status.error()}};
    if (!valid()) return {os_failure(ESRCH)};  // it may have been somebody else's
    of = std::move(*status);
    lent.emplace(rights_, *of, family == AF_UNIX);
    if (!*lent) return {os_failure(EACCES)};
  }
  for (;;) {
    const ssize_t sent = sys::sendmsg(socket.native_handle(), message, flags);
    if (sent >= 0) return {static_cast<std::size_t>(sent)};
    if (errno == EINTR) continue;
    send_outcome failed{os_failure()};
    // The kernel knows for which sockets it is raised; here it is blocked.
    if (errno == EPIPE) failed.broken_pipe = sys::take_signal(broken_pipes) == SIGPIPE;
    return failed;
  }
}

}  // namespace scm::inline v0_1::detail
