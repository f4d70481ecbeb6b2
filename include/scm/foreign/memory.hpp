/// Memory that is read and written at another process's addresses: a live process's, or an image of it.
#pragma once

#include <scm/core/result.hpp>

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace scm::inline v0_1 {

/// Bytes to read: `into.size()` of them from `address` on.
struct foreign_source {
  std::uint64_t address;
  std::span<std::byte> into;
};
/// Bytes to write, from `address` on.
struct foreign_target {
  std::uint64_t address;
  std::span<const std::byte> from;
};

/// The memory. A range that wraps around the end of the addresses is not there.
class SCM_API foreign_memory {
 public:
  virtual ~foreign_memory() = default;

  /// Reads the parts in order and each of their bytes once. How many bytes came before the first that is not there: all
  /// parts' when everything is. What lies behind that one is not defined. Errors: whatever keeps all of the memory
  /// away.
  [[nodiscard]] virtual result<std::size_t> read(std::span<const foreign_source> parts) noexcept = 0;

  /// Writes the parts in order; otherwise as `read`. What may not be written is not there.
  [[nodiscard]] virtual result<std::size_t> write(std::span<const foreign_target> parts) noexcept = 0;
};

/// The memory of a process, or of the one that a thread belongs to, by process_vm_readv(2): one system call for each
/// 1024 parts. Needs what ptrace(2) needs (PTRACE_MODE_ATTACH_REALCREDS). The number can be another process's once this
/// one has ended: what was read counts when it is known that it had not.
///
/// Errors: ESRCH when it is gone, EPERM, ENOSYS, ENOMEM. A 32-bit process sees of a 64-bit one what lies below 4 GiB.
class SCM_API process_memory final : public foreign_memory {
 public:
  explicit process_memory(pid_t thread) noexcept : thread_{thread} {}

  [[nodiscard]] result<std::size_t> read(std::span<const foreign_source> parts) noexcept override;
  [[nodiscard]] result<std::size_t> write(std::span<const foreign_target> parts) noexcept override;

 private:
  pid_t thread_;
};

/// Memory that was made up or recorded: some ranges of bytes, and nothing between them. Never fails, takes no memory.
class SCM_API memory_image final : public foreign_memory {
 public:
  /// Bytes at an address, borrowed. Of two that overlap the first counts; neighbours are one range.
  struct segment {
    std::uint64_t address;
    std::span<std::byte> bytes;
    bool writable = true;
  };

  /// Borrows the list, too.
  explicit memory_image(std::span<const segment> segments) noexcept : segments_{segments} {}

  [[nodiscard]] result<std::size_t> read(std::span<const foreign_source> parts) noexcept override;
  [[nodiscard]] result<std::size_t> write(std::span<const foreign_target> parts) noexcept override;

 private:
  [[nodiscard]] std::span<std::byte> at(std::uint64_t address, bool writing) const noexcept;

  std::span<const segment> segments_;
};

}  // namespace scm::inline v0_1
