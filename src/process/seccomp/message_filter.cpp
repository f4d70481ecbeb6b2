#include <scm/process/message_filter.hpp>

#include "core/sys.hpp"
#include "process/seccomp/filter.hpp"

#include <cstring>
#include <new>

namespace scm::inline v0_1 {
namespace {

using detail::filter_failure;
using detail::filter_handle;

// libseccomp knows where one of them is a part of socketcall(2), and leaves out what a machine does not have.
constexpr const char* message_calls[] = {"sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "recvmmsg_time64"};
constexpr std::uint32_t no_such_call = SCMP_ACT_ERRNO(ENOSYS);

int add_calls(const filter_handle& to, call_watcher by) noexcept {
  const std::uint32_t ask = by == call_watcher::listener ? SCMP_ACT_NOTIFY : SCMP_ACT_TRACE(0);
  for (const char* name : message_calls) {
    const int number = ::seccomp_syscall_resolve_name(name);
    if (const int added = ::seccomp_rule_add_array(to.get(), ask, number, 0, nullptr); added != 0) return added;
  }
  if (by == call_watcher::tracer) return 0;
  return ::seccomp_rule_add_array(to.get(), no_such_call, SCMP_SYS(io_uring_setup), 0, nullptr);
}

// libseccomp writes a filter to a file, and nowhere else.
result<std::vector<sock_filter>, filter_error> code_of(const filter_handle& made) {
  const owned_fd file{sys::memfd_create("filter", MFD_CLOEXEC)};
  if (!file) return filter_failure(filter_step::build, -errno);
  if (const int written = ::seccomp_export_bpf(made.get(), file.native_handle()); written != 0) {
    return filter_failure(filter_step::build, written);
  }
  struct stat status;
  if (sys::fstat(file.native_handle(), status) != 0) return filter_failure(filter_step::build, -errno);
  const auto size = static_cast<std::size_t>(status.st_size);
  std::vector<sock_filter> code(size / sizeof(sock_filter));
  void* const written_there = sys::mmap(size, PROT_READ, file.native_handle());
  if (written_there == MAP_FAILED) return filter_failure(filter_step::build, -errno);
  std::memcpy(code.data(), written_there, code.size() * sizeof(sock_filter));
  sys::munmap(written_there, size);
  return code;
}

}  // namespace

result<std::vector<sock_filter>, filter_error> message_filter(call_watcher by) noexcept {
  const filter_handle made{::seccomp_init(SCMP_ACT_ALLOW)};
  if (!made) return filter_failure(filter_step::build, -ENOMEM);
  const std::uint32_t others = by == call_watcher::listener ? no_such_call : SCMP_ACT_ALLOW;
  if (const int set = ::seccomp_attr_set(made.get(), SCMP_FLTATR_ACT_BADARCH, others); set != 0) {
    return filter_failure(filter_step::build, set);
  }
#if defined(__x86_64__)
  if (const int added = ::seccomp_arch_add(made.get(), SCMP_ARCH_X86); added != 0) {
    return filter_failure(filter_step::build, added);
  }
#endif
  if (const int added = add_calls(made, by); added != 0) return filter_failure(filter_step::build, added);
  try {
    return code_of(made);
  } catch (const std::bad_alloc&) {
    return filter_failure(filter_step::build, -ENOMEM);
  }
}

}  // namespace scm::inline v0_1
