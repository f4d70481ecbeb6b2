#!/bin/bash
# No public signature takes or returns a descriptor as a bare int: borrowed_fd goes in, owned_fd comes out.
# usage: no_bare_descriptors.sh INCLUDE-DIRECTORY
set -euo pipefail

# The ways in and out of the two types themselves are excepted: explicit constructors, native_handle() and release().
found=$(grep -rnE --include='*.hpp' '\bint\s*[&*]*\s*(fd|fds|[a-z_]*_fd|descriptor|[a-z_]*_descriptor)\b' "$1" |
  grep -vE '\b(explicit|release|native_handle)\b' |
  grep -vE '^[^:]+:[0-9]+:\s*//' || true)
if [[ -n $found ]]; then
  printf '%s\na descriptor is a bare int in a public header\n' "$found"
  exit 1
fi
