#!/bin/bash
# Has z3 look for a counterexample to each lemma, and holds its answers to those that the file expects.
# usage: prove.sh FILE.smt2…
set -euo pipefail

failed=0
for file in "$@"; do
  expected=$(sed -n 's/^; expect: //p' "$file")
  answers=$(z3 -T:60 "$file" || true)
  if [[ -n $expected && $answers == "$expected" ]]; then
    printf '%s: %s lemmas hold\n' "$file" "$(grep -c . <<<"$expected")"
  else
    printf '%s: expected\n%s\nz3 answers\n%s\n' "$file" "$expected" "$answers"
    failed=1
  fi
done
exit $failed
