/// The broker's commands: words and descriptors of one line, done to a store, and the answer.
#pragma once

#include "service/broker_store.hpp"

#include <scm/core/fd.hpp>
#include <scm/service/control_request.hpp>

#include <cstddef>

namespace scm::inline v0_1::detail {

/// Most bytes of a `list`, which goes on with `list after`: an answer is held in memory until its reader takes it.
inline constexpr std::size_t list_bytes = std::size_t{32} << 10;

/// Each does nothing to the store unless its answer says that it is done. Errors are numbers of errno(3): EINVAL for
/// words that it does not know, ENOENT, EACCES, EDQUOT for a user's quota, ENOSPC for a full store, EBADMSG for
/// descriptors that are missing or surplus, EOPNOTSUPP for `expiring` on a kernel that does not tell of processes,
/// ENOMEM. Throw std::bad_alloc, with nothing done.
///
/// `ends` is the epoll descriptor of the processes whose ends are waited for.
[[nodiscard]] control_answer store_command(descriptor_store& in, borrowed_fd ends, control_request& asked);
[[nodiscard]] control_answer fetch_command(const descriptor_store& from, control_request& asked);
[[nodiscard]] control_answer drop_command(descriptor_store& from, control_request& asked);
[[nodiscard]] control_answer list_command(const descriptor_store& of, control_request& asked);

}  // namespace scm::inline v0_1::detail
