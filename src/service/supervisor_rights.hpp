/// With whose rights a call is made: never with more than the program has.
#pragma once

#include "service/supervisor_status.hpp"

#include <scm/core/result.hpp>

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace scm::inline v0_1::detail {

/// What this process may do, looked at once.
class own_rights {
 public:
  [[nodiscard]] static result<own_rights> ask() noexcept;

  /// Whether a program can be named as the sender: CAP_SYS_ADMIN, CAP_SETUID and CAP_SETGID (scm_check_creds).
  [[nodiscard]] bool may_vouch() const noexcept;
  /// Whether there is anything to give up for a call.
  [[nodiscard]] bool any() const noexcept { return effective_ != 0 || user_ == 0; }

 private:
  friend class borrowed_rights;
  std::uint64_t effective_ = 0, permitted_ = 0, inheritable_ = 0;
  uid_t user_ = 0;
  gid_t group_ = 0;
  std::vector<gid_t> groups_;
};

/// While it lives, this thread reaches files as the program does, and has none of the capabilities that it lacks: but
/// for those to vouch for it, where `vouching` says so.
class borrowed_rights {
 public:
  borrowed_rights(const own_rights& own, const thread_status& of, bool vouching) noexcept;
  borrowed_rights(const borrowed_rights&) = delete;
  borrowed_rights& operator=(const borrowed_rights&) = delete;
  ~borrowed_rights();

  /// Whether it worked: else the call must not be made.
  [[nodiscard]] explicit operator bool() const noexcept { return good_; }

 private:
  const own_rights* own_;
  bool groups_changed_ = false;
  bool good_ = true;
};

}  // namespace scm::inline v0_1::detail
