/// The descriptors that this program was started with, by name.
#pragma once

#include <scm/core/descriptor_list.hpp>
#include <scm/inspect/admission.hpp>
#include <scm/process/named_fd.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scm::inline v0_1 {

/// What was wrong with what was inherited.
enum class inherit_fault : unsigned char {
  process_id,  ///< LISTEN_PID is no number.
  count,       ///< LISTEN_FDS is missing, no number, or more than `limits::inherited_descriptors`.
  names,       ///< LISTEN_FDNAMES names another number of descriptors.
  name,        ///< LISTEN_FDNAMES has a name that is none; `position` is which.
  not_open,    ///< A descriptor that is counted is not open; `position` is which, 0 is descriptor 3.
  not_ours,    ///< It is close-on-exec, and so was opened here or taken before; `position` is which.
  missing,     ///< No descriptor of this name was inherited; `position` is how many were.
  not_agreed,  ///< It is not what was expected; `refused` says how, `position` is which.
  elsewhere,   ///< The same, and LISTEN_PID is another process: they were meant for that one.
  memory,      ///< There was none.
};

/// Why descriptors could not be had. What was handed to this program, as far as its number is known, is then closed:
/// those of descriptors 3, 4, … that are not close-on-exec, which is how all come through execve(2).
struct inherit_error {
  std::error_code code;
  inherit_fault fault;
  std::size_t position = 0;
  std::array<char, limits::fd_name_bytes + 1> asked{};  ///< The name that is missing, cut to fit, with a NUL.

  std::optional<refusal> refused{};

  operator std::error_code() const noexcept { return code; }
  /// The whole story in one line; like std::error_code's it takes memory, and throws where there is none.
  [[nodiscard]] SCM_API std::string message() const;
};

/// Descriptors that `spawn`, or a service manager that speaks sd_listen_fds(3), gave to this program. Those that are
/// not taken are closed with this value.
///
/// What they are is the starter's word: give `take` an expectation.
class SCM_API inherited {
 public:
  /// Takes them over: descriptors 3, 4, …, now close-on-exec. The variables are gone from the environment afterwards,
  /// in any case, so that no child takes them for its own. Call it once, at the start of main(), before other threads
  /// use the environment. Without the variables, or when they are for another process, none were inherited, which is no
  /// error. Errors: see `inherit_fault`; EINVAL, over_limit, EBADF, wrong_descriptor.
  [[nodiscard]] static result<inherited, inherit_error> from_environment() noexcept;

  inherited() noexcept = default;

  /// How many there were; taken ones keep their position.
  [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }
  /// The name of one, `unknown` where the starter gave no names; empty when there is none.
  [[nodiscard]] std::string_view name(std::size_t position) const noexcept {
    return position < names_.size() ? std::string_view{names_[position]} : std::string_view{};
  }

  /// The first of this name that has not been taken, lent; invalid when there is none.
  [[nodiscard]] borrowed_fd find(std::string_view name) const& noexcept;
  borrowed_fd find(std::string_view name) && = delete;
  /// The same, handed over. Two of one name are taken by two calls. Errors: ENOENT, with the name in it.
  [[nodiscard]] result<owned_fd, inherit_error> take(std::string_view name) noexcept;
  /// The same, if it is what is expected: a program refuses to start with a writable disk where it was promised a
  /// read-only one. One that is not stays, and is closed with this value. Errors also: those of `admit`.
  [[nodiscard]] result<owned_fd, inherit_error> take(std::string_view name, const expectation& expected) noexcept;
  /// The one at a position, handed over; empty when there is none.
  [[nodiscard]] owned_fd take(std::size_t position) noexcept { return files_.take(position); }

 private:
  [[nodiscard]] std::size_t position_of(std::string_view name) const noexcept;

  descriptor_list files_;
  std::vector<std::string> names_;
  bool elsewhere_ = false;
};

/// Keeps this process from being dumped, and from being looked into by others of its user: no core file, no ptrace(2),
/// no /proc/PID/mem or /proc/PID/fd, no pidfd_getfd(2) (PR_SET_DUMPABLE 0). Root still can. It is the program's own
/// call because execve(2) sets it anew: whoever starts the program cannot do it in its place. A child that forks off
/// inherits it, and one that executes a program does not.
[[nodiscard]] SCM_API result<void> forbid_dumping() noexcept;

}  // namespace scm::inline v0_1
