// Reads the descriptor table from /proc/self/fd, and says how two of them differ.
#include "support/descriptor_table.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <sstream>
#include <string_view>
#include <system_error>

namespace scm::test {
namespace {

std::string link_target(int directory, const char* entry) {
  std::array<char, 256> target{};
  const auto length = ::readlinkat(directory, entry, target.data(), target.size());
  return length > 0 ? std::string(target.data(), static_cast<std::size_t>(length)) : std::string();
}

std::string describe(const descriptor_entry& entry) {
  std::ostringstream out;
  out << "fd " << entry.number << " (" << entry.name << ", device " << entry.device << " inode " << entry.inode
      << (entry.descriptor_flags & FD_CLOEXEC ? ", close-on-exec" : ", inherited over exec") << ", status flags 0"
      << std::oct << entry.status_flags << ')';
  return out.str();
}

}  // namespace

descriptor_table descriptor_table::now() {
  const auto close_directory = [](DIR* directory) { ::closedir(directory); };
  const std::unique_ptr<DIR, decltype(close_directory)> directory(::opendir("/proc/self/fd"));
  if (!directory) {
    throw std::system_error(errno, std::generic_category(), "/proc/self/fd");
  }
  const int own = ::dirfd(directory.get());

  descriptor_table table;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    int number = -1;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
    if (parsed.ec != std::errc{} || number == own) {
      continue;  // "." and "..", and the descriptor we are reading through
    }
    struct stat status{};
    if (::fstat(number, &status) != 0) {
      continue;  // another thread closed it since the directory was read
    }
    table.entries_.push_back({number, status.st_dev, status.st_ino, ::fcntl(number, F_GETFD), ::fcntl(number, F_GETFL),
                              link_target(own, entry->d_name)});
  }
  std::ranges::sort(table.entries_, {}, &descriptor_entry::number);
  return table;
}

std::string difference(const descriptor_table& before, const descriptor_table& after) {
  std::ostringstream out;
  auto was = before.entries().begin();
  auto is = after.entries().begin();
  while (was != before.entries().end() || is != after.entries().end()) {
    const bool gone = is == after.entries().end() || (was != before.entries().end() && was->number < is->number);
    const bool fresh = was == before.entries().end() || (is != after.entries().end() && is->number < was->number);
    if (gone) {
      out << "  closed:    " << describe(*was++) << '\n';
    } else if (fresh) {
      out << "  left open: " << describe(*is++) << '\n';
    } else {
      if (*was != *is) {
        out << "  changed:   " << describe(*was) << "\n        now: " << describe(*is) << '\n';
      }
      ++was;
      ++is;
    }
  }
  return out.str();
}

}  // namespace scm::test
