#include "cli/confined_service.hpp"

#include <scm/process/confine.hpp>

#if SCM_WITH_SECCOMP
#include <scm/service/control_confinement.hpp>
#endif

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace scm::cli {

result<void> confine_service(const std::string& removable) noexcept try {
  allowed_access access{};
  owned_fd folder;
  if (!removable.empty()) {
    const auto slash = removable.rfind('/');
    const auto path = slash == removable.npos ? std::string{"."} : removable.substr(0, slash + 1);
    folder.reset(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return std::unexpected{std::error_code{errno, std::system_category()}};
    access.files.push_back({folder.get(), file_rights{file_right::remove_file}});
  }
  const auto denied = confine({.keep_groups = ::geteuid() != 0, .access = access});
  if (!denied) return std::unexpected{denied.error().code};
#if SCM_WITH_SECCOMP
  // What a hand-over adds, and what removes the socket's file.
  auto allowed = control_server_calls();
  for (const char* const name : {"eventfd2", "fstat", "fstat64", "getpid", "getuid", "getuid32", "lstat", "lstat64",
                                 "newfstatat", "unlink", "unlinkat"}) {
    allowed.calls.emplace_back(name);
  }
  const auto left = allow_only(allowed);
  if (!left) return std::unexpected{left.error().code};
#endif
  return {};
} catch (const std::bad_alloc&) {
  return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
}

}  // namespace scm::cli
