/// Other people's bytes, made safe to print.
#pragma once

#include <scm/core/result.hpp>

#include <string>
#include <string_view>

namespace scm::inline v0_1 {

/// `text` with every byte other than printable ASCII, and every backslash, as \xNN: one line, no terminal controls, and
/// reversible. Paths and names in a `description` are chosen by whoever made the object. Errors: not_enough_memory.
[[nodiscard]] SCM_API result<std::string> safe_text(std::string_view text) noexcept;

}  // namespace scm::inline v0_1
