#include <scm/channel/socket_file.hpp>

#include "channel/socket.hpp"
#include "core/os_error.hpp"
#include "core/sys.hpp"

#include <unistd.h>

#include <array>
#include <utility>

namespace scm::inline v0_1 {
namespace {

/// A path as a C string, with room for ".lock" behind it: sun_path need not be terminated.
class path_text {
 public:
  explicit path_text(const address& at, std::string_view suffix = {}) noexcept {
    const std::string_view path = at.name();
    path.copy(chars_.data(), path.size());
    suffix.copy(chars_.data() + path.size(), suffix.size());
  }
  [[nodiscard]] const char* c_str() const noexcept { return chars_.data(); }

 private:
  std::array<char, limits::address_bytes + 8> chars_{};
};

constexpr std::string_view lock_suffix = ".lock";

std::unexpected<std::error_code> in_use() noexcept { return detail::os_failure(EADDRINUSE); }

/// Whether the open file is the one that has this name now.
bool is_named(borrowed_fd file, const path_text& path) noexcept {
  struct stat held{};
  struct stat named{};
  return sys::fstat(file.native_handle(), held) == 0 && sys::lstat(path.c_str(), named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

/// Holds `PATH.lock` locked, or EADDRINUSE. The file is removed by its last holder; whoever opened it before that finds
/// another file, or none, under the name afterwards and starts over.
result<owned_fd> take_lock(const address& at) noexcept {
  const path_text path{at, lock_suffix};
  for (int attempt = 0; attempt != 16; ++attempt) {
    owned_fd lock{sys::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600)};
    if (!lock) return detail::os_failure();
    if (sys::flock(lock.native_handle(), LOCK_EX | LOCK_NB) != 0) {
      return errno == EWOULDBLOCK ? in_use() : detail::os_failure();
    }
    if (is_named(lock, path)) return lock;
  }
  return in_use();
}

/// Removes a socket file that refuses connections; EADDRINUSE for anything else.
result<void> remove_stale(borrowed_fd socket, const address& at) noexcept {
  const path_text path{at};
  struct stat status{};
  if (sys::lstat(path.c_str(), status) != 0) return errno == ENOENT ? result<void>{} : detail::os_failure();
  if (!S_ISSOCK(status.st_mode)) return in_use();

  // The type decides what connect(2) says: of another type than the listener it is EPROTOTYPE, which means alive.
  int type = 0;
  socklen_t size = sizeof type;
  if (sys::getsockopt(socket.native_handle(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) return detail::os_failure();
  const owned_fd probe{sys::socket(type | SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (!probe) return detail::os_failure();
  const auto* const name = reinterpret_cast<const sockaddr*>(&at.native());
  if (sys::connect(probe.native_handle(), name, at.native_size()) == 0 || errno != ECONNREFUSED) return in_use();
  if (sys::unlink(path.c_str()) != 0 && errno != ENOENT) return detail::os_failure();
  return {};
}

result<void> bind_name(borrowed_fd socket, const address& at) noexcept {
  const auto* const name = reinterpret_cast<const sockaddr*>(&at.native());
  if (sys::bind(socket.native_handle(), name, at.native_size()) != 0) return detail::os_failure();
  return {};
}

}  // namespace

socket_file& socket_file::operator=(socket_file&& other) noexcept {
  if (this != &other) {
    remove();
    at_ = other.at_;
    made_ = std::move(other.made_);
    lock_ = std::move(other.lock_);
    owner_ = other.owner_;
  }
  return *this;
}

result<socket_file> socket_file::bind(borrowed_fd socket, const address& at, const bind_options& options) noexcept {
  socket_file file;
  file.at_ = at;
  file.owner_ = ::getpid();
  const bool named = at.kind() == address::form::path;
  if (named) {
    // The file takes its mode from the socket's inode, less the umask (measured; unix_bind in the kernel).
    if (sys::fchmod(socket.native_handle(), options.mode) != 0) return detail::os_failure();
    if (options.replace_stale) {
      auto lock = take_lock(at);
      if (!lock) return std::unexpected{lock.error()};
      file.lock_ = std::move(*lock);
    }
  }

  auto bound = bind_name(socket, at);
  if (!bound && bound.error() == std::errc::address_in_use && file.lock_) {
    bound = remove_stale(socket, at);
    if (bound) bound = bind_name(socket, at);
  }
  if (!bound) return std::unexpected{bound.error()};

  if (named) {
    const path_text path{at};
    file.made_.reset(sys::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!file.made_) {
      const auto failure = detail::os_failure();
      sys::unlink(path.c_str());
      return failure;
    }
  }
  return file;
}

void socket_file::remove() noexcept {
  if (made_ && owner_ == ::getpid() && is_named(made_, path_text{at_})) sys::unlink(path_text{at_}.c_str());
  made_.reset();
  unlock();
}

void socket_file::keep() noexcept {
  made_.reset();
  unlock();
}

socket_file socket_file::adopt(const address& at, owned_fd&& handle, owned_fd&& lock) noexcept {
  socket_file file;
  file.at_ = at;
  file.made_ = std::move(handle);
  file.lock_ = std::move(lock);
  file.owner_ = ::getpid();
  return file;
}

void socket_file::leave() noexcept {
  made_.reset();
  lock_.reset();
}

void socket_file::unlock() noexcept {
  // Removed before it is let go, which take_lock() looks for.
  const path_text path{at_, lock_suffix};
  if (lock_ && owner_ == ::getpid() && is_named(lock_, path)) sys::unlink(path.c_str());
  lock_.reset();
}

}  // namespace scm::inline v0_1
