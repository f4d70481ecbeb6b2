/// Landlock in two halves: what can fail for the caller's mistake, and what cannot be taken back.
#pragma once

#include <scm/process/allowed_access.hpp>

namespace scm::inline v0_1::detail {

/// EBUSY where another thread is there, which would keep all that this one gives up.
[[nodiscard]] result<void, confine_error> expect_one_thread() noexcept;
[[nodiscard]] result<void, confine_error> forbid_new_privileges() noexcept;

/// Rules that are made and not in force.
struct restriction {
  owned_fd ruleset{};  // empty: there is nothing that this kernel can deny
  denied_access denied{};
};
[[nodiscard]] result<restriction, confine_error> make_restriction(const allowed_access& allowed) noexcept;
/// In force, for this thread and what it starts. Needs no_new_privs.
[[nodiscard]] result<void, confine_error> enforce(const restriction& made) noexcept;

[[nodiscard]] inline std::unexpected<confine_error> stopped(confine_step step, std::error_code code,
                                                            std::size_t position = 0) noexcept {
  return std::unexpected{confine_error{code, step, position}};
}

}  // namespace scm::inline v0_1::detail
