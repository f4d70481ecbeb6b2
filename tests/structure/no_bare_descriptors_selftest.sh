#!/bin/bash
# Shows that no_bare_descriptors.sh catches planted violations, and accepts the exceptions.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# check STATUS LINE
check() {
  local status=0
  printf '%s\n' "$2" >"$tree/x.hpp"
  "$here/no_bare_descriptors.sh" "$tree" >/dev/null || status=$?
  if [[ $status -ne $1 ]]; then
    printf 'FAILED: status %s for: %s\n' "$status" "$2"
    failures=$((failures + 1))
  fi
}

check 1 'result<void> send(int fd);'
check 1 'void wait(int socket_fd, int timeout);'
check 1 'result<void> pair(int* fds);'
check 1 'int peer_fd() const noexcept;'
check 0 'constexpr explicit borrowed_fd(int fd) noexcept;'
check 0 'int native_handle() const noexcept;'
check 0 '[[nodiscard]] int release() noexcept;'
check 0 'int offset; result<owned_fd> duplicate(borrowed_fd fd);'
check 0 '// an int fd would be wrong here'
((failures == 0)) && echo 'every planted violation is caught'
