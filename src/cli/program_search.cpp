#include "cli/program_search.hpp"

#include "cli/failure.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

namespace scm::cli {

result<std::string> find_program(const std::string& word) {
  if (word.empty()) return std::unexpected{os_code(ENOENT)};
  if (word.find('/') != word.npos) return word;
  const char* const set = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): there is one thread
  std::string_view folders = set != nullptr ? set : "/bin:/usr/bin";
  int error = ENOENT;
  for (;;) {
    const std::size_t end = folders.find(':');
    const std::string_view folder = folders.substr(0, end);
    std::string path = folder.empty() ? word : std::string{folder} + '/' + word;  // empty: the working directory
    if (path.find('/') == path.npos) path.insert(0, "./");
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
      if (::access(path.c_str(), X_OK) == 0) return path;
      error = EACCES;
    }
    if (end == folders.npos) return std::unexpected{os_code(error)};
    folders.remove_prefix(end + 1);
  }
}

}  // namespace scm::cli
