/// What a process gives up for good, once it has started and taken its descriptors.
///
/// Credentials, no_new_privs and Landlock belong to a thread, and to those that it starts. So all of this is to be
/// called while there is one thread, before others are started; where there are more it is EBUSY, and nothing happened.
/// (A thread of the C library's own making, or a sanitizer's, counts.) System calls are denied last:
/// <scm/process/system_calls.hpp>.
#pragma once

#include <scm/process/allowed_access.hpp>
#include <scm/process/confine_error.hpp>
#include <scm/process/run_as.hpp>

#include <optional>

namespace scm::inline v0_1 {

/// No supplementary groups. Succeeds where there are none; else needs CAP_SETGID, and a user namespace that lets it.
[[nodiscard]] SCM_API result<void, confine_error> drop_groups() noexcept;

/// No capability, and no way to one: effective, permitted, inheritable and ambient set are empty, no_new_privs keeps
/// execve(2) from giving any, and the kernel is asked afterwards. The bounding set, which bounds what execve(2) may
/// give, is emptied too where CAP_SETPCAP is effective; a process without it keeps that set, and no_new_privs makes it
/// void. Root without capabilities is still the owner of root's files: become somebody else, see `confinement`.
[[nodiscard]] SCM_API result<void, confine_error> drop_capabilities() noexcept;

/// What a process is to be afterwards. By default it has no groups and no capabilities, gains none, cannot be dumped,
/// and opens nothing; it is the same user.
struct confinement {
  std::optional<run_as> as{};  ///< Somebody else.
  bool keep_groups = false;    ///< Without `as`: the supplementary groups stay. Dropping them needs a privilege.
  bool dumps = false;          ///< Whether it may be dumped and looked into, as without: see `forbid_dumping`.
  /// What may still be reached; without, Landlock is left out.
  std::optional<allowed_access> access = allowed_access{};
};

/// All of it, in the order in which each step can still be done: the rules are made, no_new_privs, the bounding set,
/// the user, the capabilities, dumps, and last what may be reached. Descriptors that are open go on working, and the
/// parent-death signal (prctl(2)) must be set anew after a change of user. Answers what the kernel denies.
/// Errors: see `confine_step`; EINVAL for a `run_as` that does not say everything; those of `restrict_access`.
[[nodiscard]] SCM_API result<denied_access, confine_error> confine(const confinement& wanted) noexcept;

}  // namespace scm::inline v0_1
