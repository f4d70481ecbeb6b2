/// A filter of libseccomp's, and what its answers mean.
#pragma once

#include "core/os_error.hpp"

#include <scm/process/system_calls.hpp>

#include <seccomp.h>

#include <memory>

namespace scm::inline v0_1::detail {

struct filter_release {
  void operator()(void* filter) const noexcept { ::seccomp_release(filter); }
};
using filter_handle = std::unique_ptr<void, filter_release>;

// libseccomp's answers are negative numbers of errno(3).
inline std::unexpected<filter_error> filter_failure(filter_step step, int answer, std::size_t position = 0) noexcept {
  return std::unexpected{filter_error{os_error(-answer), step, position}};
}

}  // namespace scm::inline v0_1::detail
