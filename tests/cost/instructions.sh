#!/bin/bash
# What the library adds to hand-written C in user space: instructions for one message sent and received, counted by
# valgrind, so that they are the same on any day. Fails if they are more than twice those of C. What the kernel does is
# the same for both, and not counted.
# usage: instructions.sh PROGRAM [CONTENDER [DESCRIPTORS…]]    (PROGRAM is scm_bench_pass)
set -euo pipefail
shopt -s inherit_errexit

program=$1
contender=${2:-scm}
counts=("${@:3}")
((${#counts[@]})) || counts=(0 1 16)
most=2
few=200
many=1200

if ! command -v valgrind >/dev/null; then
  echo 'skipped: there is no valgrind here'
  exit 4
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# run LOG CONTENDER DESCRIPTORS MESSAGES
run() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "${@:2}" >"$1" 2>&1 || {
    cat "$1" >&2
    return 1
  }
}

# collected LOG: the instructions of a whole run.
collected() { sed -n 's/^==[0-9]*== Collected *: *\([0-9]\+\)$/\1/p' "$1"; }

# for_each CONTENDER DESCRIPTORS: for each message; what starts and ends the program is in both runs.
for_each() {
  local other=$work/$1.$2.few
  run "$other" "$1" "$2" $few &
  run "$work/$1.$2.many" "$1" "$2" $many
  wait $!
  echo $((($(collected "$work/$1.$2.many") - $(collected "$other")) / (many - few)))
}

status=0
printf '%11s  %8s  %10s  %5s\n' descriptors 'plain C' "$contender" ratio
for descriptors in "${counts[@]}"; do
  ours=$(for_each "$contender" "$descriptors")
  theirs=$(for_each 'plain C' "$descriptors")
  printf '%11d  %8d  %10d  %5s\n' "$descriptors" "$theirs" "$ours" \
    "$(awk "BEGIN { printf \"%.2f\", $ours / $theirs }")"
  ((theirs > 0 && ours <= most * theirs)) || status=1
done
((status == 0)) || echo "more than $most times the instructions of plain C"
exit $status
