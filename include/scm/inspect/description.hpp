/// What a descriptor is: a value to print, to compare, and to decide on.
#pragma once

#include <scm/core/fd.hpp>
#include <scm/inspect/kind.hpp>
#include <scm/inspect/seals.hpp>
#include <scm/inspect/socket_name.hpp>

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace scm::inline v0_1 {

/// What can be done through the descriptor (O_ACCMODE). `none`: a path_handle, or an access mode of 3 (open(2)).
enum class access_mode : unsigned char { none, read, write, read_write };

/// The status flags of the open file, shared by all its descriptors (F_GETFL).
struct status_flags {
  bool append = false;
  bool nonblock = false;
  bool direct = false;
  bool sync = false;   ///< O_SYNC
  bool dsync = false;  ///< O_DSYNC; also true with O_SYNC, which contains it
  bool async = false;
  bool noatime = false;
  friend bool operator==(const status_flags&, const status_flags&) noexcept = default;
};

struct device_number {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  friend bool operator==(const device_number&, const device_number&) noexcept = default;
};

/// Which object it is, as stat(2) numbers them. Equal numbers mean the same object while one of the two is open, except
/// that most kinds without a place share one inode (eventfd, epoll, …).
struct file_identity {
  device_number device;
  std::uint64_t inode = 0;
  friend bool operator==(const file_identity&, const file_identity&) noexcept = default;
};

/// A socket, by the numbers of socket(2).
struct socket_description {
  int family = 0;    ///< AF_*
  int type = 0;      ///< SOCK_*, without flags
  int protocol = 0;  ///< IPPROTO_*, NETLINK_*, or 0
  bool listening = false;
  socket_name local;  ///< An unbound Unix socket has the unnamed address.
  socket_name peer;   ///< No value: not connected.
  friend bool operator==(const socket_description&, const socket_description&) noexcept = default;
};

/// A part without a value does not exist for this kind, or cannot be known here: without /proc, without a free
/// descriptor slot (those marked (slot) are read from fdinfo, which must be opened), or under a security module.
struct description {
  descriptor_kind kind = descriptor_kind::unknown;
  std::optional<descriptor_kind> target;  ///< Of a path_handle: what lies there.

  file_identity identity;
  access_mode access = access_mode::none;
  status_flags flags;
  bool close_on_exec = false;  ///< Of this descriptor alone, not of the open file.

  /// Bytes: regular_file, memfd, block_device. As last cached, on network file systems.
  std::optional<std::uint64_t> size;
  /// Bytes, shared by all descriptors of the open file: the same kinds. (slot)
  std::optional<std::uint64_t> offset;
  std::optional<seal_set> seals;        ///< memfd, and tmpfs files, which have seal::sealing and nothing else.
  std::optional<device_number> device;  ///< terminal, character_device, block_device.
  std::optional<socket_description> socket;
  std::optional<std::uint64_t> counter;  ///< eventfd: its count. (slot)
  /// pidfd: its pid here; -1 once reaped, 0 without a number in our pid namespace. For people to read, as any pid.
  /// (slot) before Linux 6.13
  std::optional<pid_t> process;

  /// Where it lies, seen from this process's root, if it has a place. Any bytes but NUL: see `safe_text`. Only a hint:
  /// it can be renamed at any time, so use the descriptor, never this.
  std::string path;
  /// The kernel's or the maker's word for what has no place: "eventfd", "kvm-vm", "net" (a namespace), a memfd's own
  /// name (any bytes).
  std::string name;
  /// The file has no name left (its link count is 0) or never had one (O_TMPFILE). Regular files and directories only.
  bool deleted = false;

  friend bool operator==(const description&, const description&) noexcept = default;
};

/// Describes what `fd` refers to. Nothing about it is changed, it is not read, and nothing stays open.
///
/// What a stranger sent can be described: no step waits for the file system behind the descriptor (statx(2) with
/// AT_STATX_DONT_SYNC answers for a FUSE server that does not), nor for another process that is stuck in a read of the
/// same open file, as lseek(2) would. One does wait for a lock: the names of an IP or vsock socket, while another of
/// its holders is inside a send whose memory does not answer (userfaultfd(2)).
///
/// Errors: EBADF; those of statx(2) (a security module may forbid it); not_enough_memory. A full descriptor table and
/// a missing /proc are no errors, see `description`.
[[nodiscard]] SCM_API result<description> describe(borrowed_fd fd) noexcept;

}  // namespace scm::inline v0_1
