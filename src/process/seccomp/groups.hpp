/// What each group of system calls consists of, under the names that any machine has for it.
#pragma once

#include <scm/process/system_calls.hpp>

#include <linux/fs.h>
#include <sys/mman.h>

#include <cstdint>

namespace scm::inline v0_1::detail {

/// What an argument must be, under a mask; any, where the mask is 0.
struct condition {
  unsigned argument = 0;
  std::uint64_t mask = 0;
  std::uint64_t value = 0;
};

struct grouped_call {
  const char* name;
  call_groups groups;
  condition only{};
};

inline constexpr condition not_executable{2, PROT_EXEC, 0};
inline constexpr condition nothing_set{2, ~std::uint64_t{0}, 0};  // the new limit of prlimit(2): a null pointer
inline constexpr condition size_of_device{1, 0xffffffff, static_cast<std::uint32_t>(BLKGETSIZE64)};

inline constexpr call_groups waiting{call_group::receiving, call_group::sending, call_group::accepting,
                                     call_group::children};
inline constexpr call_groups closing{call_group::receiving, call_group::sending,  call_group::accepting,
                                     call_group::admitting, call_group::children, call_group::files};

inline constexpr grouped_call grouped_calls[]{
    {"exit", call_group::ending},
    {"exit_group", call_group::ending},
    {"restart_syscall", call_group::ending},
    {"rt_sigreturn", call_group::ending},
    {"sigreturn", call_group::ending},

    {"brk", call_group::memory},
    {"futex", call_group::memory},
    {"futex_time64", call_group::memory},
    {"madvise", call_group::memory},
    {"mmap", call_group::memory, not_executable},
    {"mmap2", call_group::memory, not_executable},
    {"mprotect", call_group::memory, not_executable},
    {"mremap", call_group::memory},
    {"munmap", call_group::memory},

    {"clock_gettime", waiting},  // where the clock is not read without a call
    {"clock_gettime64", waiting},
    {"ppoll", waiting},
    {"ppoll_time64", waiting},
    {"close", closing},
    {"close_range", closing},

    {"recvmmsg", call_group::receiving},
    {"recvmmsg_time64", call_group::receiving},
    {"recvmsg", call_group::receiving},
    {"prlimit64", call_group::receiving, nothing_set},  // with a reserve: how many may be open
    {"ugetrlimit", call_group::receiving},

    {"clock_nanosleep", call_group::sending},
    {"clock_nanosleep_time64", call_group::sending},
    {"sendmmsg", call_group::sending},
    {"sendmsg", call_group::sending},

    {"accept4", call_group::accepting},
    {"setsockopt", call_group::accepting},
    {"getsockopt", {call_group::accepting, call_group::admitting}},
    {"fcntl", {call_group::accepting, call_group::admitting, call_group::receiving}},
    {"fcntl64", {call_group::accepting, call_group::admitting, call_group::receiving}},

    {"fstatfs", call_group::admitting},
    {"fstatfs64", call_group::admitting},
    {"ioctl", call_group::admitting, size_of_device},
    {"mq_getsetattr", call_group::admitting},
    {"readlink", call_group::admitting},
    {"readlinkat", call_group::admitting},
    {"statfs", call_group::admitting},
    {"statfs64", call_group::admitting},
    {"statx", call_group::admitting},

    {"getpid", call_group::children},  // whether it is this process's child
    {"pidfd_send_signal", call_group::children},
    {"waitid", call_group::children},

    {"fstat", {call_group::files, call_group::receiving}},
    {"fstat64", {call_group::files, call_group::receiving}},
    {"newfstatat", {call_group::files, call_group::receiving}},
    {"fstatat64", {call_group::files, call_group::receiving}},
    {"fallocate", call_group::files},
    {"fdatasync", call_group::files},
    {"fsync", call_group::files},
    {"ftruncate", call_group::files},
    {"ftruncate64", call_group::files},
    {"lseek", call_group::files},
    {"_llseek", call_group::files},
    {"pread64", call_group::files},
    {"preadv", call_group::files},
    {"preadv2", call_group::files},
    {"pwrite64", call_group::files},
    {"pwritev", call_group::files},
    {"pwritev2", call_group::files},
    {"read", call_group::files},
    {"readv", call_group::files},
    {"write", call_group::files},
    {"writev", call_group::files},
};

}  // namespace scm::inline v0_1::detail
