#include "service/supervisor_request.hpp"
#include "service/supervisor_status.hpp"
#include "support/catch.hpp"

#include <linux/audit.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

using namespace scm;
using namespace scm::detail;

namespace {

constexpr const char* text =
    "Name:\tx\nTgid:\t12\nPid:\t13\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t9 10 \nNStgid:\t12\t2\n"
    "Threads:\t3\nSigPnd:\t0000000000000200\nShdPnd:\t0000000000002000\nSigBlk:\t0000000000000000\n"
    "SigIgn:\t0000000000001000\nSigCgt:\t0000000000000200\nCapEff:\t000001fffeffffff\n";

thread_status status(std::uint64_t own, std::uint64_t shared, std::uint64_t blocked, std::uint64_t ignored,
                     unsigned threads) {
  thread_status made;
  made.pending = own;
  made.pending_of_process = shared;
  made.blocked = blocked;
  made.ignored = ignored;
  made.threads = threads;
  return made;
}

}  // namespace

TEST_CASE("a thread's status says whose it is and what is pending", "[supervisor]") {
  const auto made = parse_status(text);
  REQUIRE(made);
  CHECK(made->process == 12);
  CHECK(made->own_process == 2);
  CHECK(made->own_pids);
  CHECK(made->uids == std::array<uid_t, 4>{1, 2, 3, 4});
  CHECK(made->gids == std::array<gid_t, 4>{5, 6, 7, 8});
  CHECK(made->groups.size() == 2);
  CHECK(made->threads == 3);
  CHECK(made->pending == 0x200);
  CHECK(made->effective == 0x1fffeffffff);

  CHECK_FALSE(made->stopped);
  CHECK(parse_status(std::string{"State:\tT (stopped)\n"} + text)->stopped);

  const std::string whole = text;
  CHECK_FALSE(parse_status(whole.substr(0, whole.size() - 1)));  // its last line is cut
  CHECK_FALSE(parse_status(""));
  const auto own = status_of(::gettid());
  REQUIRE(own);
  CHECK(own->process == ::getpid());
}

TEST_CASE("a signal ends a wait unless it is blocked or ignored, and is certain where there is nobody else",
          "[supervisor]") {
  CHECK_FALSE(signals_for(status(0, 0, 0, 0, 1)).any);
  CHECK(signals_for(status(4, 0, 0, 0, 5)).certain);
  CHECK(signals_for(status(0, 4, 0, 0, 1)).certain);
  CHECK(signals_for(status(0, 4, 0, 0, 2)).any);
  CHECK_FALSE(signals_for(status(0, 4, 0, 0, 2)).certain);
  CHECK_FALSE(signals_for(status(4, 4, 4, 0, 1)).any);
  CHECK_FALSE(signals_for(status(4, 4, 0, 4, 1)).any);
}

TEST_CASE("an id of another user namespace is found in its map", "[supervisor]") {
  constexpr const char* map = "         0       1000          1\n         5     100000      65536\n";
  CHECK(mapped_id(map, 0) == 1000U);
  CHECK(mapped_id(map, 5) == 100000U);
  CHECK(mapped_id(map, 65540) == 165535U);
  CHECK_FALSE(mapped_id(map, 1));
  CHECK_FALSE(mapped_id(map, 65541));
  CHECK_FALSE(mapped_id("", 0));
}

TEST_CASE("a call is known by machine and number, and socketcall by what it is for", "[supervisor]") {
  std::array<std::uint32_t, 5> words{3, 0x1000, 7, 0x40, 0x2000};
  std::array<std::byte, sizeof words> bytes;
  std::memcpy(bytes.data(), words.data(), sizeof words);
  const std::array<memory_image::segment, 1> segments{{{0x500, bytes}}};
  memory_image memory{segments};
  const auto of = [&](std::uint32_t arch, int nr, std::array<std::uint64_t, 6> arguments) {
    seccomp_data call{};
    call.arch = arch;
    call.nr = nr;
    std::copy(arguments.begin(), arguments.end(), call.args);
    return request_of(call, memory);
  };
#if defined(__x86_64__)
  const auto wide = of(AUDIT_ARCH_X86_64, SYS_recvmmsg, {3, 0x7f0000001000, 5, 0x40, 0x7f0000002000, 0});
  REQUIRE(wide);
  CHECK(wide->batch);
  CHECK(wide->use == message_use::receive);
  CHECK(wide->count == 5);
  CHECK(wide->timeout == 0x7f0000002000);
  const auto sub = of(AUDIT_ARCH_I386, 102, {19, 0x500, 0, 0, 0, 0});
  REQUIRE(sub);
  CHECK(sub->layout == abi::ilp32);
  CHECK(sub->count == 7);
  CHECK(sub->flags == 0x40);
  CHECK(sub->timeout == 0x2000);
  CHECK(sub->timeout_layout == time_layout::ilp32);
  CHECK(of(AUDIT_ARCH_I386, 417, {3, 4, 5, 6, 7, 0})->timeout_layout == time_layout::time64);
  const auto cut = of(AUDIT_ARCH_I386, 370, {0xffffffff00000003, 0xffffffff00001000, 0, 0, 0, 0});
  CHECK(cut->descriptor == 3);
  CHECK(cut->address == 0x1000);
  const auto error = [](const auto& made) { return made ? 0 : made.error().value(); };
  CHECK(error(of(AUDIT_ARCH_I386, 102, {19, 0x50c, 0, 0, 0, 0})) == EFAULT);
  CHECK(error(of(AUDIT_ARCH_I386, 102, {3, 0x500, 0, 0, 0, 0})) == ENOSYS);
  CHECK(error(of(AUDIT_ARCH_X86_64, SYS_read, {})) == ENOSYS);
  CHECK(error(of(AUDIT_ARCH_ARM, 1, {})) == ENOSYS);
#endif
}
