// Whether two descriptors are the same open file description, not merely the same file.
#pragma once

#include <scm/core/fd.hpp>

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace scm::test {

// kcmp(2) compares what the kernel holds, so it also works for what has no offset and no inode of its own.
inline bool same_open_file(borrowed_fd a, borrowed_fd b) {
  return ::syscall(SYS_kcmp, ::getpid(), ::getpid(), KCMP_FILE, a.native_handle(), b.native_handle()) == 0;
}

}  // namespace scm::test
