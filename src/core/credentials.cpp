#include <scm/core/credentials.hpp>

#include <unistd.h>

namespace scm::inline v0_1 {

// Not through the seam: these calls cannot fail.
credentials credentials::own() noexcept { return {::getpid(), ::getuid(), ::getgid()}; }

}  // namespace scm::inline v0_1
