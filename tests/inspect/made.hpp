// What the tests of inspection describe: made descriptors, owned from the first moment, and their descriptions.
#pragma once

#include <scm/inspect.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace scm::test {

// The result of a system call that makes a descriptor.
inline owned_fd made(long number) {
  if (number < 0) throw std::system_error(errno, std::generic_category(), "making a descriptor");
  return owned_fd{static_cast<int>(number)};
}

inline owned_fd opened(const std::string& path, int flags, mode_t mode = 0) {
  const int number = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (number < 0) throw std::system_error(errno, std::generic_category(), path);
  return owned_fd{number};
}

inline description described(borrowed_fd fd) {
  auto what = describe(fd);
  if (!what) throw std::system_error(what.error());
  return *std::move(what);
}

}  // namespace scm::test
