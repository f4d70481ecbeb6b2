#!/bin/bash
# Shows that seam.sh catches planted violations, and accepts what is allowed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# check STATUS LINE [LISTED…]: a tree whose one source holds the line, and whose document lists these names.
check() {
  local status=0 output
  mkdir -p "$tree/src/core" "$tree/src/channel" "$tree/docs"
  printf 'inline int fchmod(int fd) { return through([&] { return ::fchmod(fd, 0); }); }\n' >"$tree/src/core/sys.hpp"
  printf '%s\n' "$2" >"$tree/src/channel/x.cpp"
  {
    printf '## Outside of the seam\n\n| function | why |\n|---|---|\n'
    (($# < 3)) || printf '| \x60%s\x60 | so it is |\n' "${@:3}"
    printf '\n## Notes\n'
  } >"$tree/docs/syscalls.md"
  output=$("$here/seam.sh" "$tree" 2>&1) || status=$?
  if [[ $status -ne $1 ]]; then
    printf 'FAILED: status %s for: %s\n%s\n' "$status" "$2" "$output"
    failures=$((failures + 1))
  fi
}

check 0 'sys::fchmod(fd, 0);'
check 0 'const pid_t self = ::getpid();' getpid
check 0 'const auto now = std::chrono::steady_clock::now();' steady_clock::now
check 0 'const auto now = steady_clock::now();' steady_clock::now
check 0 'return detail::open_socket(type);'
check 0 'stream::connect(to);  // calls ::connect(2) in the end'
check 0 'throw_with("::abort() is not called");'
check 0 '#include <vector>'
check 1 'const pid_t self = ::getpid();'
check 1 'const pid_t self = ::getpid();' getuid getpid
check 1 'return ::fchmod(fd, 0);'
check 1 '::write(2, "x", 1);'
check 1 'return ::syscall(SYS_gettid);'
check 1 'return fchmod(fd, 0);'
check 1 'if (fchmod (fd, 0) != 0 || dup(fd) < 0) return;'
check 1 'const auto now = std::chrono::system_clock::now();'
check 1 'sys::fchmod(fd, 0);' getpid
check 1 '#include <filesystem>'
check 1 '#  include <thread>'
((failures == 0)) && echo 'every planted violation is caught'
