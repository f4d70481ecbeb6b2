#!/bin/bash
# Every mutant still applies, tells its story, and names tests that exist: a patch that rots kills nothing.
# usage: mutants.sh ROOT
set -euo pipefail

cd "$1"
failures=0

complain() {
  printf '%s: %s\n' "$@"
  failures=$((failures + 1))
}

for patch in tests/mutants/*.patch; do
  # Without fuzz, as ./dev mutants applies it: lines may have moved, but not changed.
  patch -p1 -F0 --dry-run --force --reject-file=- -i "$patch" >/dev/null || complain "$patch" 'does not apply'
  [[ ! $(head -n 1 "$patch") =~ ^(---|Killed-by:|$) ]] || complain "$patch" 'does not say in its first line what the bug is'
  killers=$(sed -n '1,/^--- /s/^Killed-by: *//p' "$patch")
  [[ -n $killers ]] || complain "$patch" 'has no line "Killed-by: TEST…" before the diff'
  for killer in $killers; do
    [[ -d tests/$killer || -e fuzz/$killer.cpp ]] || complain "$patch" "there is no tests/$killer or fuzz/$killer.cpp"
  done
done
((failures == 0))
