#include <scm/inspect/description.hpp>

#include "core/sys.hpp"
#include "core/uapi.hpp"
#include "inspect/classify.hpp"
#include "inspect/fdinfo.hpp"
#include "inspect/glance.hpp"
#include "inspect/socket_details.hpp"

namespace scm::inline v0_1 {
namespace {

using enum descriptor_kind;

std::optional<pid_t> process_of(borrowed_fd fd) noexcept {
  uapi::pidfd_info info{};
  info.mask = uapi::pidfd_info_pid;
  if (sys::ioctl(fd.native_handle(), uapi::pidfd_get_info, &info) < 0) return {};
  if ((info.mask & uapi::pidfd_info_pid) == 0) return {};
  return static_cast<pid_t>(info.pid);
}

// What fdinfo alone tells. Its position is not asked of lseek(2): that waits for as long as somebody else is inside a
// read(2) or write(2) of the same open file, which a stranger can make last for ever.
void add_fdinfo(borrowed_fd fd, description& to) noexcept {
  detail::fdinfo_buffer buffer;
  const std::string_view text = detail::own_fdinfo(fd, buffer);
  if (to.kind == eventfd)
    to.counter = detail::fdinfo_number<std::uint64_t>(text, "eventfd-count", 16);
  else if (to.kind == pidfd)
    to.process = detail::fdinfo_number<pid_t>(text, "Pid");
  else
    to.offset = detail::fdinfo_number<std::uint64_t>(text, "pos");
}

bool wants_fdinfo(const description& of) noexcept {
  switch (of.kind) {
    case regular_file:
    case memfd:
    case block_device:
    case eventfd:
      return true;
    case pidfd:
      return !of.process;
    default:
      return false;  // some kinds take a lock to write theirs that others may hold for long (epoll)
  }
}

/// The word for what has no place. Throws std::bad_alloc.
std::string name_of(const detail::glance& seen) {
  switch (seen.object) {
    case memfd:
      return std::string{detail::without(seen.link, detail::memfd_prefix, detail::deleted_suffix)};
    case dma_buf:
      return std::string{detail::without(seen.link, "/dmabuf:", {})};
    case message_queue:
      return std::string{seen.link};
    case pidfd:
      return seen.link.empty() ? "" : "pidfd";  // its text has changed over the versions
    case socket:
    case pipe:
      return {};  // theirs hold nothing but the inode number
    default:
      return seen.link.starts_with('/') ? std::string{} : std::string{detail::kernel_name(seen.link)};
  }
}

}  // namespace

result<description> describe(borrowed_fd fd) noexcept {
  const detail::glance seen{fd};
  if (seen.error) return std::unexpected{seen.error};

  description out;
  out.kind = seen.kind;
  if (seen.kind == path_handle) out.target = seen.object;
  out.identity = seen.identity();
  out.access = seen.access();
  out.flags = seen.open_flags();
  out.close_on_exec = (seen.descriptor_flags & FD_CLOEXEC) != 0;
  out.deleted = seen.deleted();
  out.size = seen.size(fd, false).value_or(std::nullopt);
  out.seals = seen.seals;
  out.device = seen.device();
  if (out.kind == socket) out.socket = detail::describe_socket(fd);
  if (out.kind == pidfd) out.process = process_of(fd);
  if (seen.procfs && wants_fdinfo(out)) add_fdinfo(fd, out);
  try {
    out.path = seen.path();
    out.name = name_of(seen);
  } catch (...) {
    return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
  }
  return out;
}

}  // namespace scm::inline v0_1
