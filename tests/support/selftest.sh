#!/bin/bash
# Shows that the tests' own oracle works: a deliberate leak turns the run red and is named.
# usage: selftest.sh PROGRAM
set -euo pipefail

program=$1
failures=0

# expect STATUS TEXT ARGUMENT…: the program must exit with STATUS and print TEXT.
expect() {
  local wanted=$1 text=$2 status=0 output
  shift 2
  output=$("$program" "$@" 2>&1 </dev/null) || status=$?
  if [[ $status -ne $wanted || $output != *"$text"* ]]; then
    printf 'FAILED: %s %s\n  wanted status %s and "%s"; got status %s and\n%s\n' \
      "$program" "$*" "$wanted" "$text" "$status" "$output"
    failures=$((failures + 1))
  fi
}

expect 0 '' '[clean]'
expect 0 '' '[allocation]'
expect 1 'not as "a test that leaks" found it' '[leaks]'
expect 1 '  left open: fd ' '[leaks]'
expect 1 '(/dev/null, ' '[leaks]'
expect 1 '  closed:    fd 0 ' '[closes]'
expect 1 '  changed:   fd 0 ' '[replaces]'
expect 1 'inherited over exec' '[exec]'
expect 1 '  changed:   fd 0 ' '[status]'
expect 1 '1 of 4 test cases changed the descriptor table' '[clean],[leaks]'
expect 4 'for no reason' '[skips]'
expect 0 'for no reason' '[clean],[skips]'
expect 1 'FAILED' '[fails]'
expect 1 'too late' '[fails_and_skips]'
expect 1 'left open' '[leaks_and_skips]'
expect 1 'no test case matches' 'a test that does not exist'
((failures == 0)) && echo "the oracle sees leaks, closes, replacements and changed flags"
