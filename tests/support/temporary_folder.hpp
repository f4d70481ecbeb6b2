// A folder that is gone with everything in it when the test is over.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace scm::test {

class temporary_folder {
 public:
  explicit temporary_folder(std::string where = "/tmp") : path_{std::move(where) + "/scm-test-XXXXXX"} {
    if (::mkdtemp(path_.data()) == nullptr) throw std::system_error(errno, std::generic_category(), path_);
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  // Removes what is in it.
  void clear() const {
    for (const auto& entry : std::filesystem::directory_iterator{path_}) std::filesystem::remove_all(entry.path());
  }

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + '/' + name; }

 private:
  std::string path_;
};

}  // namespace scm::test
