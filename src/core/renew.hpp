/// Giving a container that was moved from its first state back.
#pragma once

#include <memory>

namespace scm::inline v0_1::detail {

/// A small_vector whose heap block was moved away has no room at all, not even that inside it, until it is made anew:
/// what needs no allocation in a new object would need one in a moved-from object.
template <class Container>
void renew(Container& moved_from) noexcept {
  std::destroy_at(&moved_from);
  std::construct_at(&moved_from);
}

}  // namespace scm::inline v0_1::detail
