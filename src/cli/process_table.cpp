#include "cli/process_table.hpp"

#include "cli/bounds.hpp"
#include "core/os_error.hpp"
#include "core/sys.hpp"
#include "inspect/fdinfo.hpp"

#include <scm/core/limits.hpp>

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <string>

namespace scm::cli {

result<std::vector<int>> numbers_in(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::directory_iterator entry{directory, error};
  if (error) return std::unexpected{error};
  std::vector<int> out;
  // Ends even when the process opens and closes all the time: the kernel walks upwards by number. An error on the way
  // means that the process has ended, which is the caller's to find out.
  for (; entry != std::filesystem::directory_iterator{} && out.size() < bounds::descriptors_listed;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    int number = -1;
    const auto [stop, failed] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (failed == std::errc{} && stop == name.data() + name.size()) out.push_back(number);
  }
  return out;
}

result<process_table> process_table::open(pid_t process) {
  owned_fd handle{sys::pidfd_open(process, 0)};
  if (!handle) return detail::os_failure();
  return process_table{process, std::move(handle)};
}

result<std::vector<int>> process_table::numbers() const {
  auto out = numbers_in(fmt::format("/proc/{}/fd", process_));
  // Its pid may be somebody else's by now; not if it still runs.
  if (gone()) return detail::os_failure(ESRCH);
  return out;
}

result<owned_fd> process_table::fetch(int number) const {
  const int fetched = sys::pidfd_getfd(handle_.native_handle(), number);
  if (fetched < 0) return detail::os_failure();
  return owned_fd{fetched};
}

std::optional<bool> process_table::close_on_exec(int number) const {
  const owned_fd file{sys::open(fmt::format("/proc/{}/fdinfo/{}", process_, number).c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return {};
  std::array<char, limits::fdinfo_bytes> bytes;
  const ssize_t size = sys::read(file.native_handle(), bytes.data(), bytes.size());
  if (size <= 0 || gone()) return {};
  const auto flags = detail::fdinfo_number<unsigned>({bytes.data(), static_cast<std::size_t>(size)}, "flags", 8);
  if (!flags) return {};
  return (*flags & O_CLOEXEC) != 0;
}

bool process_table::gone() const {
  pollfd event{handle_.native_handle(), POLLIN, 0};
  constexpr timespec at_once{};
  return sys::poll(&event, 1, &at_once) > 0;
}

}  // namespace scm::cli
