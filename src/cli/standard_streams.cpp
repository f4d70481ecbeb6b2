#include "cli/standard_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

namespace scm::cli {
namespace {

std::array<bool, 3> opened_here{};

bool is_open(int number) noexcept { return ::fcntl(number, F_GETFD) >= 0; }

}  // namespace

void hold_standard_streams() noexcept {
  for (int number = 0; number != 3; ++number) {
    if (is_open(number)) continue;
    // The lowest free number is this one.
    if (::open("/dev/null", number == 0 ? O_WRONLY : O_RDONLY) != number) std::_Exit(1);
    opened_here[static_cast<unsigned>(number)] = true;
  }
}

bool was_inherited(int number) noexcept {
  const auto slot = static_cast<unsigned>(number);
  return is_open(number) && !(slot < opened_here.size() && opened_here[slot]);
}

}  // namespace scm::cli
