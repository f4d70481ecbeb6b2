/// Memory that processes share through a descriptor: sealed where it is made, verified where it arrives, then mapped.
#pragma once

#include <scm/core/fd.hpp>
#include <scm/core/result.hpp>
#include <scm/inspect/admission.hpp>
#include <scm/inspect/seals.hpp>

#include <cstddef>
#include <limits>
#include <span>
#include <string_view>

namespace scm::inline v0_1 {

/// How a received memfd is mapped.
struct mapping_options {
  bool writable = false;                                          ///< Needs a descriptor that allows both.
  std::size_t least = 1;                                          ///< Bytes; a smaller one is `size_below`.
  std::size_t most = std::numeric_limits<std::ptrdiff_t>::max();  ///< A larger one is `size_above`: say what you need.
};

/// A mapped memfd, and its descriptor to send. Movable; the mapping goes with it.
///
/// Its bytes can change at any time, as long as anybody can write to them: copy what is to be decided on, once, and
/// look at the copy. What its sender cannot do is make it smaller, so that reading it would raise SIGBUS. (Of huge
/// pages, which this class does not make, a sender can take pages back: fallocate(2) with FALLOC_FL_PUNCH_HOLE.)
class SCM_API shared_memory {
 public:
  /// A new one of so many bytes, zeroed, mapped for writing, close-on-exec and not executable (MFD_NOEXEC_SEAL from
  /// Linux 6.3 on). Nobody can change its size, nor its seals. With `seal::future_write` among `more` nobody but this
  /// mapping can write to it. `name` is shown in /proc, up to 249 bytes without NUL. Errors: EINVAL for a size of 0 or
  /// a name that is none; those of memfd_create(2), ftruncate(2), fcntl(2) and mmap(2), ENOMEM among them;
  /// `unsupported` where the kernel did not set a seal.
  [[nodiscard]] static result<shared_memory> make(std::string_view name, std::size_t bytes,
                                                  seal_set more = {}) noexcept;

  /// A received one, all of it. It must be a memfd that cannot be made smaller (`seal::shrink`), and only then
  /// is its size looked at; everything else about it is for an `expectation` to say. On error the descriptor is left
  /// with the caller. Errors: those of `admit`; mmap(2)'s, as `not_examined`; EPERM for a writable one that is sealed
  /// against writing.
  [[nodiscard]] static result<shared_memory, refusal> map(owned_fd&& memory,
                                                          const mapping_options& options = {}) noexcept;

  shared_memory() noexcept = default;
  shared_memory(shared_memory&& other) noexcept;
  shared_memory& operator=(shared_memory&& other) noexcept;
  ~shared_memory() { unmap(); }

  [[nodiscard]] explicit operator bool() const noexcept { return start_ != nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Empty when it is not mapped for writing.
  [[nodiscard]] std::span<std::byte> writable() noexcept { return {start_, writable_ ? size_ : 0}; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {start_, size_}; }
  [[nodiscard]] borrowed_fd fd() const noexcept { return fd_.get(); }

 private:
  shared_memory(owned_fd&& fd, std::byte* start, std::size_t size, bool writable) noexcept;
  void unmap() noexcept;

  owned_fd fd_;
  std::byte* start_ = nullptr;
  std::size_t size_ = 0;
  bool writable_ = false;
};

}  // namespace scm::inline v0_1
