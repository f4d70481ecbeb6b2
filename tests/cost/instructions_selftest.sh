#!/bin/bash
# Shows that the bound on instructions is one: code that does more fails it, and so does a program that does not run.
# usage: instructions_selftest.sh PROGRAM
set -euo pipefail

program=$1
script=$(dirname "$0")/instructions.sh
failures=0

command -v valgrind >/dev/null || exit 4

# expect STATUS TEXT CONTENDER
expect() {
  local status=0 output
  output=$("$script" "$program" "$3" 1 2>&1) || status=$?
  if [[ $status -ne $1 || $output != *"$2"* ]]; then
    printf 'FAILED: %s: wanted status %s and "%s"; got status %s and\n%s\n' "$3" "$1" "$2" "$status" "$output"
    failures=$((failures + 1))
  fi
}

expect 0 ' 1.00' 'plain C'
expect 1 'more than 2 times' 'wasteful C'
expect 1 'no contender' 'nobody'
((failures == 0))
