#include <scm/core/control_view.hpp>

namespace scm::inline v0_1 {

const char* parse_error::text() const noexcept {
  switch (what) {
    case fault::too_large:
      return "control data larger than any that the kernel takes";
    case fault::length_below_header:
      return "a control message's length is smaller than its header";
    case fault::length_past_end:
      return "a control message's length reaches past the end of the control data";
    case fault::payload_size:
      return "a control message's payload does not have the size of its type";
    case fault::payload_value:
      return "a control message's payload holds a value that its type cannot have";
  }
  return "unknown fault in control data";
}

}  // namespace scm::inline v0_1
