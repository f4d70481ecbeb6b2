#include "cli/saved_file.hpp"

#include "cli/bounds.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace scm::cli {
namespace {

bool is_plain(std::string_view name) noexcept {
  if (name.empty() || name.size() > bounds::name_bytes || name.front() == '-' || name.front() == '.') return false;
  return std::ranges::none_of(name, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f || byte == '/';
  });
}

/// A buffer that a file opened with O_DIRECT takes too.
class copy_buffer {
 public:
  static constexpr std::size_t size = std::size_t{1} << 20;
  static constexpr std::size_t hole = std::size_t{1} << 16;

  copy_buffer() : bytes_{static_cast<char*>(std::aligned_alloc(4096, size)), &std::free} {
    if (!bytes_) throw std::bad_alloc{};
  }
  [[nodiscard]] char* data() noexcept { return bytes_.get(); }

 private:
  std::unique_ptr<char, decltype(&std::free)> bytes_;
};

bool all_zero(std::string_view bytes) noexcept {
  return bytes.empty() || (bytes.front() == '\0' && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

/// errno, or 0 when all of `bytes` is at `offset`.
int write_at(int to, std::string_view bytes, std::uint64_t offset) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(to, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return 0;
}

/// Copies up to end of file. Its size is not trusted: it may change, and procfs says 0.
result<std::uint64_t> copy(int from, int to, std::uint64_t max_bytes) {
  copy_buffer buffer;
  std::uint64_t size = 0;
  for (;;) {
    const ssize_t got = ::pread(from, buffer.data(), copy_buffer::size, static_cast<off_t>(size));
    if (got < 0) return std::unexpected{os_code(errno)};
    if (got == 0) break;
    if (static_cast<std::uint64_t>(got) > max_bytes - size) return std::unexpected{os_code(EFBIG)};
    const std::string_view bytes{buffer.data(), static_cast<std::size_t>(got)};
    for (std::size_t at = 0; at < bytes.size(); at += copy_buffer::hole) {
      const auto part = bytes.substr(at, copy_buffer::hole);
      if (all_zero(part)) continue;
      if (const int error = write_at(to, part, size + at)) return std::unexpected{os_code(error)};
    }
    size += bytes.size();
  }
  if (::ftruncate(to, static_cast<off_t>(size)) != 0) return std::unexpected{os_code(errno)};
  return size;
}

}  // namespace

std::vector<std::string> file_names(std::string_view lines, std::size_t count) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i != count; ++i) {
    const auto name = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(name.size() + 1, lines.size()));
    out.push_back(is_plain(name) ? std::string{name} : fmt::format("fd-{}", i));
  }
  return out;
}

outcome<save_directory> save_directory::open(const std::string& path) {
  owned_fd directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory) return failed(step::other, "save into " + shown(path), os_code(errno));
  return save_directory{std::move(directory), shown(path)};
}

outcome<saved_file> save_directory::save(borrowed_fd file, const description& what, const std::string& name,
                                         std::uint64_t max_bytes) const {
  const std::string safe_name = shown(name);
  if (what.kind != descriptor_kind::regular_file && what.kind != descriptor_kind::memfd) {
    return failed(fmt::format("not saved: {} is no regular file but a {}", safe_name, name_of(what.kind)));
  }
  if (what.access != access_mode::read && what.access != access_mode::read_write) {
    return failed(fmt::format("not saved: {} was not opened for reading", safe_name));
  }
  const auto too_long = [&] {
    return failed(fmt::format("not saved: {} has more than {} bytes; --save-max allows more", safe_name, max_bytes));
  };
  if (what.size.value_or(0) > max_bytes) return too_long();

  const std::string doing = fmt::format("save {} in {}", safe_name, path_);
  const owned_fd to{
      ::openat(directory_.native_handle(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666)};
  if (!to) {
    if (errno == EEXIST) return failed(fmt::format("not saved: {}/{} exists", path_, safe_name));
    return failed(step::other, doing, os_code(errno));
  }
  const auto size = copy(file.native_handle(), to.native_handle(), max_bytes);
  if (size) return saved_file{name, *size};
  ::unlinkat(directory_.native_handle(), name.c_str(), 0);
  if (size.error() == std::errc::file_too_large) return too_long();
  return failed(step::other, doing, size.error());
}

}  // namespace scm::cli
