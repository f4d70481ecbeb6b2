// Describing while calls fail: what remains is described, or the error is the kernel's.
#include "inspect/made.hpp"
#include "support/catch.hpp"
#include "support/faults.hpp"
#include "support/kinds.hpp"

#include <algorithm>
#include <array>

using namespace scm;
using namespace scm::test;
using kind = descriptor_kind;
using sys::call;

TEST_CASE("only what describing cannot do without makes it fail", "[faults][no-valgrind]") {
  constexpr std::array needed{call::fcntl, call::statx};
  const std::vector<example> all = one_of_each_kind();
  for (int number = 0; number < sys::calls; ++number) {
    const auto which = static_cast<call>(number);
    if (which == call::close) continue;
    const bool may_fail = std::ranges::find(needed, which) != needed.end();
    for (const example& one : all) {
      for (int nth = 1, made = nth; made >= nth; ++nth) {
        INFO(one.kind << ", call " << number << ", time " << nth);
        const failing fault{which, EIO, nth, nth};
        const auto what = describe(one.fd);
        made = fault.calls();
        if (!what) CHECK((may_fail && what.error() == std::errc::io_error));
        REQUIRE(nth < 20);
      }
    }
  }
}

TEST_CASE("on kernels without PIDFD_GET_INFO a pidfd's process is read from fdinfo", "[faults][no-valgrind]") {
  const owned_fd handle = made(::syscall(SYS_pidfd_open, ::getpid(), 0));
  const failing fault{call::ioctl, ENOTTY};
  CHECK(described(handle).process == ::getpid());
}

TEST_CASE("on kernels without pidfs a pidfd is known by its name", "[faults][no-valgrind]") {
  const owned_fd handle = made(::syscall(SYS_pidfd_open, ::getpid(), 0));
  const failing fault{call::fstatfs, EIO};
  CHECK(described(handle).kind == kind::pidfd);
}

TEST_CASE("a text longer than procfs makes today is not taken for a whole one", "[faults]") {
  const owned_fd file = scratch_file();
  const faults fault{[](call which, void*, long& result) {
    if (which != call::readlink) return false;
    result = static_cast<long>(limits::link_bytes);
    return true;
  }};
  CHECK(described(file).path.empty());
}

TEST_CASE("a socket that gives no family is still a socket", "[faults]") {
  const owned_fd end = made(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const failing fault{call::getsockopt, EACCES};
  CHECK(described(end).kind == kind::socket);
  CHECK_FALSE(described(end).socket);
}
