#include <scm/inspect/safe_text.hpp>

#include "core/escape.hpp"

namespace scm::inline v0_1 {

result<std::string> safe_text(std::string_view text) noexcept {
  try {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) out += detail::escaped_byte{c}.view();
    return out;
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
}

}  // namespace scm::inline v0_1
