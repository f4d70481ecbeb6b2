#include "service/tracer_sockets.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "core/uapi.hpp"
#include "inspect/glance.hpp"
#include "inspect/socket_details.hpp"

#include <scm/core/deadline.hpp>
#include <scm/netlink/netlink_reply.hpp>

#include <fmt/format.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/sysmacros.h>

#include <chrono>

namespace scm::inline v0_1::detail {
namespace {

// The kernel answers at once or not at all.
constexpr std::chrono::seconds patience{1};

template <class Value>
bool option(borrowed_fd socket, int name, Value& value) noexcept {
  socklen_t size = sizeof value;
  return sys::getsockopt(socket.native_handle(), SOL_SOCKET, name, &value, &size) == 0 && size == sizeof value;
}

}  // namespace

bool socket_book::is_settled(const traced_socket& one) noexcept {
  if (one.type == SOCK_DGRAM || one.type == SOCK_RAW) return false;  // it can be connected anew
  if (one.family == AF_UNIX) return one.peer_inode != 0;
  return !std::holds_alternative<std::monostate>(one.peer);
}

std::uint64_t socket_book::key(pid_t process, int number) noexcept {
  return std::uint64_t{static_cast<std::uint32_t>(process)} << 32 | static_cast<std::uint32_t>(number);
}

const message_end* socket_book::likely(pid_t process, int number) const noexcept {
  const auto last = uses_.find(key(process, number));
  if (last == uses_.end() || !last->second.steady) return nullptr;
  const auto found = known_.find(last->second.cookie);
  return found == known_.end() ? nullptr : &found->second;
}

void socket_book::used(pid_t process, int number, std::uint64_t cookie) {
  const std::uint64_t at = key(process, number);
  if (const auto last = uses_.find(at); last != uses_.end()) {
    if (last->second.cookie != cookie) last->second = {.cookie = cookie, .steady = false};
    return;
  }
  if (uses_.size() >= most) uses_.clear();
  uses_.emplace(at, use{cookie});
}

message_end socket_book::look(borrowed_fd socket, pid_t process, int number) {
  message_end out;
  out.socket.number = number;
  std::uint64_t cookie = 0;
  if (!option(socket, SO_COOKIE, cookie)) {
    out.socket.unseen = os_error();
    return out;
  }
  used(process, number, cookie);
  if (const auto found = known_.find(cookie); found != known_.end()) {
    out = found->second;
    out.socket.number = number;
    return out;
  }
  const auto what = describe_socket(socket);
  struct stat status{};
  if (!what || sys::fstat(socket.native_handle(), status) != 0) {
    out.socket.unseen = os_error();
    return out;
  }
  out.socket.family = what->family;
  out.socket.type = what->type;
  out.socket.local = what->local;
  out.socket.peer = what->peer;
  out.socket.inode = status.st_ino;
  if (what->family == AF_UNIX) {
    ucred peer{};
    if (option(socket, SO_PEERCRED, peer)) out.socket.peer_process = peer.pid;
    ask(out);
  }
  if (is_settled(out.socket)) {
    if (known_.size() >= most) known_.clear();
    known_.emplace(cookie, out);
  }
  return out;
}

result<description> socket_book::describe(borrowed_fd fd) {
  std::uint64_t cookie = 0;
  const bool is_socket = option(fd, SO_COOKIE, cookie);
  if (const auto found = is_socket ? described_.find(cookie) : described_.end(); found != described_.end()) {
    const int flags = sys::fcntl(fd.native_handle(), F_GETFL);
    if (flags < 0) return os_failure();
    found->second.access = access_of(flags);
    found->second.flags = open_flags_of(flags);
    return found->second;
  }
  auto what = scm::describe(fd);
  const bool steady = what && is_socket && what->socket && what->socket->family == AF_UNIX &&
                      what->socket->type != SOCK_DGRAM && !std::holds_alternative<std::monostate>(what->socket->peer);
  if (!steady) return what;
  if (described_.size() >= most) described_.clear();
  described_.emplace(cookie, *what);
  return what;
}

// Asks for one socket, by its inode (sock_diag(7)). It can be gone, or of another network namespace.
void socket_book::ask(message_end& about) noexcept {
  if (!netlink_ && !deaf_) {
    auto made = netlink_socket::open(netlink_family::sock_diag);
    auto room = netlink_batch::make(2, 4096);
    deaf_ = !made || !room;
    if (deaf_) return;
    netlink_.emplace(std::move(*made));
    batch_.emplace(std::move(*room));
  }
  if (deaf_) return;
  unix_diag_req request{};
  request.sdiag_family = AF_UNIX;
  request.udiag_ino = static_cast<std::uint32_t>(about.socket.inode);
  request.udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_VFS;
  request.udiag_cookie[0] = request.udiag_cookie[1] = ~0U;  // INET_DIAG_NOCOOKIE
  const deadline until = in(patience);
  const auto sequence = netlink_->request(SOCK_DIAG_BY_FAMILY, 0, std::as_bytes(std::span{&request, 1}), until);
  if (!sequence) return;
  netlink_reply reply{*netlink_, *batch_, *sequence, until};
  for (;;) {
    const auto message = reply.next();
    if (!message || !*message) return;
    if ((*message)->type != SOCK_DIAG_BY_FAMILY) continue;
    const auto found = decode_unix_socket(**message);
    if (!found || found->inode != request.udiag_ino) continue;
    about.socket.peer_inode = found->peer.value_or(0);
    about.file = found->bound_file;
  }
}

bool socket_book::asks_for_more(borrowed_fd socket) noexcept {
  for (const int name : {SO_PASSCRED, uapi::so_passsec, uapi::so_passpidfd, uapi::scm_timestamp, uapi::so_timestampns,
                         uapi::scm_timestamp_new, uapi::scm_timestampns_new, uapi::so_timestamping, uapi::so_inq}) {
    if (socket_option(socket, name).value_or(0) != 0) return true;
  }
  return false;
}

std::optional<unix_socket::file> socket_book::file_at(pid_t thread, const address& path) {
  const auto name = path.name();
  const auto spelled = fmt::format("/proc/{}/{}/{}", thread, name.starts_with('/') ? "root" : "cwd", name);
  struct statx status{};
  if (sys::statx(AT_FDCWD, spelled.c_str(), AT_STATX_DONT_SYNC, STATX_INO, status) != 0) return {};
  constexpr unsigned minor_bits = 20;  // the kernel's own device numbers (linux/kdev_t.h)
  return unix_socket::file{static_cast<std::uint32_t>(status.stx_ino),
                           status.stx_dev_major << minor_bits | status.stx_dev_minor};
}

}  // namespace scm::inline v0_1::detail
