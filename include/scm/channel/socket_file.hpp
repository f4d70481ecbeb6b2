/// The file that stands for a bound socket in the file system.
#pragma once

#include <scm/core/address.hpp>
#include <scm/core/fd.hpp>

#include <sys/types.h>

namespace scm::inline v0_1 {

struct bind_options {
  /// Permissions of the file, less the umask, from the moment it exists: connecting needs write permission.
  mode_t mode = 0600;
  /// Removes a socket file that nobody listens at any more. To be certain that two servers do not replace each other,
  /// `PATH.lock` is created beside it and held locked (flock(2)) as long as the socket file is. Who does not ask for
  /// this takes no lock, and can be robbed between its bind(2) and its listen(2). Without it an existing file is
  /// EADDRINUSE, whatever it is.
  bool replace_stale = false;
};

/// Binds a socket to an address and removes the file again, if the address has one and it is still the same file: in
/// the process that bound it, not in children that it forked.
class SCM_API socket_file {
 public:
  socket_file() noexcept = default;
  socket_file(socket_file&& other) noexcept = default;
  socket_file& operator=(socket_file&& other) noexcept;
  ~socket_file() { remove(); }

  /// bind(2) with the permissions of `options` set beforehand, so that no wider ones are ever seen. Errors: bind(2)'s;
  /// EADDRINUSE for an address that is in use, also when replacing was asked for: by a living socket, by a file that
  /// is no socket, or by another process that holds the lock.
  [[nodiscard]] static result<socket_file> bind(borrowed_fd socket, const address& at,
                                                const bind_options& options) noexcept;

  /// Removes the file now, if it is the one that was bound (best effort: it is looked at, then removed by name).
  void remove() noexcept;
  /// Leaves the file where it is, for a successor that holds the same socket, and gives up the lock.
  void keep() noexcept;
  /// An O_PATH handle of the file that was bound, lent: it tells the file from another of its name. Invalid when there
  /// is no file.
  [[nodiscard]] borrowed_fd handle() const noexcept { return made_.get(); }

  /// Becomes the keeper of a file in the place of another process, which has sent its address, handle and lock
  /// (flock(2) belongs to the open file, so that it is never free in between), and which then calls `leave`. The lock
  /// may be empty.
  [[nodiscard]] static socket_file adopt(const address& at, owned_fd&& handle, owned_fd&& lock) noexcept;
  /// Leaves the file and the lock to whoever has adopted them.
  void leave() noexcept;
  /// Where the file was bound; what else has to be sent, lent: invalid when there is no lock.
  [[nodiscard]] const address& at() const noexcept { return at_; }
  [[nodiscard]] borrowed_fd lock() const noexcept { return lock_.get(); }

 private:
  void unlock() noexcept;

  address at_;
  owned_fd made_;  // an O_PATH handle, which keeps the file's inode from being given to another
  owned_fd lock_;
  pid_t owner_ = 0;
};

}  // namespace scm::inline v0_1
