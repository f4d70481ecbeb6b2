#include "service/supervisor_names.hpp"

#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "inspect/fdinfo.hpp"

#include <linux/openat2.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <random>
#include <string_view>

namespace scm::inline v0_1::detail {
namespace {

// A table grows to its largest number, whoever's limit allows how much: to 64 KiB and no further.
constexpr int largest_table = 8192;

bool same_directory(const char* one, const char* other) noexcept {
  struct stat a{}, b{};
  return sys::lstat(one, a) == 0 && sys::lstat(other, b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

std::optional<int> limit_of(pid_t thread) noexcept {
  const owned_fd file{sys::open(proc_path{thread, "/limits"}.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return {};
  std::array<char, 2048> text;
  const ssize_t size = sys::read(file.native_handle(), text.data(), text.size());
  if (size <= 0) return {};
  constexpr std::string_view line = "Max open files";
  std::string_view rest{text.data(), static_cast<std::size_t>(size)};
  const auto at = rest.find(line);
  if (at == rest.npos) return {};
  rest.remove_prefix(at + line.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  int limit = 0;
  const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), limit);
  return error == std::errc{} ? std::optional{limit} : std::nullopt;
}

}  // namespace

result<found_name> find_name(pid_t thread, const own_rights& own, const thread_status& status,
                             std::span<const std::byte> name) noexcept {
  constexpr std::size_t begin = offsetof(sockaddr_un, sun_path);
  std::array<char, sizeof(sockaddr_un)> path{};  // with a terminator, which the name need not have (kernel fact D11)
  std::memcpy(path.data(), name.data() + begin, name.size() - begin);

  // An absolute link on a relative path leads to our root: where that is not the program's it must not be followed.
  const bool absolute = path[0] == '/';
  const bool own_root = absolute || same_directory(proc_path{thread, "/root/."}.c_str(), "/.");
  const owned_fd from{
      sys::open(proc_path{thread, absolute ? "/root" : "/cwd"}.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!from) return os_failure();
  found_name found;
  {
    const borrowed_rights as_program{own, status, false};
    if (!as_program) return os_failure(EACCES);
    const std::uint64_t resolve = absolute ? RESOLVE_IN_ROOT : own_root ? 0 : RESOLVE_BENEATH;
    found.file.reset(sys::openat2(from.native_handle(), path.data(), O_PATH | O_CLOEXEC, resolve));
    if (!found.file) return os_failure();
  }
  auto& as_unix = reinterpret_cast<sockaddr_un&>(found.name);
  as_unix.sun_family = AF_UNIX;
  constexpr std::string_view own_files = "/proc/self/fd/";
  char* const number = as_unix.sun_path + own_files.copy(as_unix.sun_path, own_files.size());
  char* const end =
      std::to_chars(number, as_unix.sun_path + sizeof as_unix.sun_path - 1, found.file.native_handle()).ptr;
  *end = '\0';
  found.size = static_cast<socklen_t>(end + 1 - reinterpret_cast<char*>(&found.name));
  return found;
}

result<int> free_number(pid_t thread) noexcept {
  const auto limit = limit_of(thread);
  if (!limit || *limit <= 3) return os_failure(EMFILE);
  const int last = std::min(*limit, largest_table) - 1;
  const auto is_free = [&](int number) {
    struct stat there{};
    return sys::lstat(proc_path{thread, "/fd/", number}.c_str(), there) != 0 && errno == ENOENT;
  };
  try {
    std::random_device source;
    std::uniform_int_distribution<int> any{3, last};
    for (int i = 0; i != 64; ++i) {
      const int number = any(source);
      if (is_free(number)) return number;
    }
  } catch (...) {  // no source of randomness
    return os_failure(EMFILE);
  }
  for (int number = last; number >= 3; --number) {
    if (is_free(number)) return number;
  }
  return os_failure(EMFILE);
}

}  // namespace scm::inline v0_1::detail
