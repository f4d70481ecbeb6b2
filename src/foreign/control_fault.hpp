/// Where control data that a process sends breaks the rules that hold before anybody looks at what is in it.
#pragma once

#include <scm/core/control_view.hpp>

#include <cstddef>
#include <optional>
#include <span>

namespace scm::inline v0_1::detail {

/// The offset of the first message that the kernel refuses (cmsghdr_from_user_compat_to_kern), if there is one. For 64
/// bits there is none: the kernel finds out as it goes.
[[nodiscard]] std::optional<std::size_t> sent_control_fault(std::span<const std::byte> bytes, abi layout) noexcept;

}  // namespace scm::inline v0_1::detail
