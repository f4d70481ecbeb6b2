/// What a process may still reach by a path, a port or a number, once it has what it needs: Landlock, landlock(7).
#pragma once

#include <scm/core/fd.hpp>
#include <scm/inspect/expectation.hpp>
#include <scm/process/confine_error.hpp>

#include <vector>

namespace scm::inline v0_1 {

/// LANDLOCK_ACCESS_FS_*, by the kernel's numbers: what can be done by a path. Those of directories are about what lies
/// in them. Each can be denied from the version of Landlock on that stands in brackets.
enum class file_right : unsigned char {
  execute,           ///< [1]
  write,             ///< [1] Opening for writing.
  read,              ///< [1] Opening for reading.
  list,              ///< [1] Opening a directory.
  remove_directory,  ///< [1]
  remove_file,       ///< [1]
  make_character_device,
  make_directory,
  make_file,
  make_socket,  ///< [1] By bind(2), as are all that make something.
  make_fifo,
  make_block_device,
  make_symbolic_link,
  move,          ///< [2] Linking or renaming into another directory. Version 1 denies it everywhere.
  truncate,      ///< [3] truncate(2), O_TRUNC, and ftruncate(2) of what is opened from then on.
  device_ioctl,  ///< [5] ioctl(2) on devices that are opened from then on.
};
using file_rights = set_of<file_right>;

inline constexpr file_rights every_file_right = [] {
  file_rights all;
  for (int i = 0; i <= static_cast<int>(file_right::device_ioctl); ++i) all.insert(static_cast<file_right>(i));
  return all;
}();
/// For looking at files.
inline constexpr file_rights may_read{file_right::read, file_right::list};
/// The same, and to make, change, rename and remove files, directories, sockets and links; no devices, no execution.
inline constexpr file_rights may_change{
    file_right::read,        file_right::list,           file_right::write,     file_right::truncate,
    file_right::remove_file, file_right::make_file,      file_right::make_fifo, file_right::remove_directory,
    file_right::make_socket, file_right::make_directory, file_right::move,      file_right::make_symbolic_link};

/// What may be done with a file, or with all that lies beneath a directory. The descriptor is lent for the call, and
/// may be an O_PATH one. Rights of directories are left out where it is a file.
struct file_rule {
  borrowed_fd beneath;
  file_rights allowed;
};

/// What may still be done. What stands here by default is nothing.
///
/// What is open stays usable, and what is received works as it came. Landlock knows no right for stat(2), chdir(2),
/// chmod(2), chown(2), utime(2), setxattr(2), access(2), flock(2), connect(2) to a socket with a path, nor UDP: for
/// these take away the user's rights (`run_as`), or the system calls. All of it holds for children, too, and for good.
struct allowed_access {
  std::vector<file_rule> files{};
  file_rights unrestricted{};     ///< What may be done anywhere.
  bool tcp = false;               ///< [4] Binding and connecting TCP sockets.
  bool abstract_sockets = false;  ///< [6] Connecting and sending to abstract Unix sockets of processes outside.
  /// [6] Signals to processes outside: without, no child that was started before can be ended by this process.
  bool signals = false;
  /// All of it is denied, or nothing and `unsupported`. Without, as much as the kernel can.
  bool insist = false;
};

/// What the kernel really denies. What it does not know is not denied, and stands here as not denied.
struct denied_access {
  int version = 0;      ///< Of Landlock; 0 where there is none, or it is turned off.
  file_rights files{};  ///< What cannot be done by a path any more, but for what `allowed_access::files` allows.
  bool tcp = false;
  bool abstract_sockets = false;
  bool signals = false;

  friend bool operator==(const denied_access&, const denied_access&) noexcept = default;
};

/// Leaves this process no more than is allowed, for good; each further call can only take more away. Sets no_new_privs,
/// without which it would need a privilege. `confine` has it with the rest.
///
/// It is about the calling thread and what it starts: call it while that is the only one, or it is EBUSY. Errors: see
/// `confine_step`; EBADF for a rule without a descriptor, EBADFD for one of what has no place (a pipe, a socket);
/// `unsupported`; E2BIG after 16 calls. A kernel without Landlock is no error unless `insist`.
[[nodiscard]] SCM_API result<denied_access, confine_error> restrict_access(const allowed_access& allowed) noexcept;

}  // namespace scm::inline v0_1
