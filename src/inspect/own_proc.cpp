#include "inspect/own_proc.hpp"

#include "core/sys.hpp"

#include <linux/magic.h>

#include <charconv>
#include <cstddef>

namespace scm::inline v0_1::detail {
namespace {

// thread-self, since a thread can have a descriptor table of its own (unshare(2), CLONE_FILES).
class own_path {
 public:
  own_path(std::string_view folder, borrowed_fd fd) noexcept {
    for (const std::string_view part : {std::string_view{"/proc/thread-self/"}, folder, std::string_view{"/"}}) {
      size_ += part.copy(chars_.data() + size_, chars_.size() - size_);
    }
    *std::to_chars(chars_.data() + size_, chars_.data() + chars_.size() - 1, fd.native_handle()).ptr = '\0';
  }
  [[nodiscard]] const char* c_str() const noexcept { return chars_.data(); }

 private:
  std::array<char, 64> chars_;
  std::size_t size_ = 0;
};

}  // namespace

bool has_procfs() noexcept {
  struct statfs status{};
  return sys::statfs("/proc", status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

std::string_view own_link(borrowed_fd fd, link_buffer& buffer) noexcept {
  const ssize_t size = sys::readlink(own_path{"fd", fd}.c_str(), buffer.data(), buffer.size());
  // A full buffer may be a text cut short. The kernel makes none that long today.
  if (size <= 0 || static_cast<std::size_t>(size) >= buffer.size()) return {};
  return {buffer.data(), static_cast<std::size_t>(size)};
}

std::string_view own_fdinfo(borrowed_fd fd, fdinfo_buffer& buffer) noexcept {
  const owned_fd file{sys::open(own_path{"fdinfo", fd}.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file) return {};
  const ssize_t size = sys::read(file.native_handle(), buffer.data(), buffer.size());
  if (size <= 0) return {};
  return {buffer.data(), static_cast<std::size_t>(size)};
}

}  // namespace scm::inline v0_1::detail
