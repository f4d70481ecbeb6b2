/// Descriptors in signatures: `borrowed_fd` is used and left open, `owned_fd` is closed when it dies.
#pragma once

#include <scm/core/config.hpp>
#include <scm/core/result.hpp>

#include <type_traits>
#include <utility>

namespace scm::inline v0_1 {

/// A descriptor that somebody else owns and keeps open for as long as this value is used. Never closes.
class borrowed_fd {
 public:
  constexpr explicit borrowed_fd(int number) noexcept : number_{number} {}

  /// The number in this process's descriptor table; negative when there is none.
  [[nodiscard]] constexpr int native_handle() const noexcept { return number_; }
  [[nodiscard]] constexpr explicit operator bool() const noexcept { return number_ >= 0; }

  friend constexpr bool operator==(borrowed_fd, borrowed_fd) noexcept = default;

 private:
  int number_;
};

static_assert(std::is_trivially_copyable_v<borrowed_fd> && sizeof(borrowed_fd) == sizeof(int));

namespace detail {
/// close(2). Its error is dropped: Linux has released the number whatever it returns, so closing again could only hit
/// somebody else's descriptor. Who must know that data reached the disk calls fsync(2) first.
SCM_API void close_descriptor(int number) noexcept;
}  // namespace detail

/// A descriptor that this value owns: closed when it is destroyed, reset or assigned over.
class owned_fd {
 public:
  constexpr owned_fd() noexcept = default;

  /// Adopts `number`, which nobody else may close from now on. A negative number makes an empty value.
  constexpr explicit owned_fd(int number) noexcept : number_{number < 0 ? -1 : number} {}

  owned_fd(owned_fd&& other) noexcept : number_{other.release()} {}
  owned_fd& operator=(owned_fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~owned_fd() {
    if (number_ >= 0) detail::close_descriptor(number_);
  }

  [[nodiscard]] constexpr explicit operator bool() const noexcept { return number_ >= 0; }
  [[nodiscard]] constexpr int native_handle() const noexcept { return number_; }
  [[nodiscard]] constexpr borrowed_fd get() const noexcept { return borrowed_fd{number_}; }

  /// Lends the descriptor. Not for temporaries, whose descriptor would be closed before the loan is used.
  constexpr operator borrowed_fd() const& noexcept { return get(); }
  operator borrowed_fd() const&& = delete;

  /// Gives the descriptor up without closing it; the caller owns the number returned.
  [[nodiscard]] constexpr int release() noexcept { return std::exchange(number_, -1); }

  /// Closes what is owned and adopts `number` instead.
  void reset(int number = -1) noexcept {
    const int old = std::exchange(number_, number < 0 ? -1 : number);
    if (old >= 0) detail::close_descriptor(old);
  }

 private:
  int number_ = -1;
};

/// A second descriptor for the same open file description, close-on-exec (fcntl(2), F_DUPFD_CLOEXEC). Offset and
/// status flags stay shared. Errors: EBADF, EMFILE.
[[nodiscard]] SCM_API result<owned_fd> duplicate(borrowed_fd fd) noexcept;

}  // namespace scm::inline v0_1
