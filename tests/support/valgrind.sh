#!/bin/bash
# Runs the test programs of a build under valgrind: memory, bytes that go to the kernel undefined, and descriptors that
# are open in the end. First it shows on programs that are wrong on purpose that each of these is seen.
# usage: valgrind.sh BUILD
#
# Left out are cases with the tag [no-valgrind], for what valgrind 3.19 does otherwise than the kernel: it keeps an
# RLIMIT_NOFILE of its own and leaves the kernel's alone, answers pidfd_open(2) and younger calls with ENOSYS, and hands
# signals on late, some after their handler is gone. For the same reasons tests/hostile and the targets that limit the
# table, fuzz_receive, fuzz_channel_sequence and fuzz_batch, are not run here. Threads take turns (--fair-sched):
# otherwise one that does not sleep can keep all others from running, for ever.
set -euo pipefail

build=$(readlink -f "$1")
root=$(readlink -f "$(dirname "$0")/../..")
logs=$build/valgrind
failures=0
wrong=99
rm -rf "$logs"
mkdir -p "$logs"

# open_at_exit LOG: descriptors above 2 that the process opened, or was sent, and still had in the end. Valgrind 3.19
# reports them and exits with 0 all the same; those without a place are inherited. A log without a count is an error.
open_at_exit() {
  awk '
    sub(/^==[0-9]+== /, "") == 0 { next }
    /^FILE DESCRIPTORS: [0-9]+ open/ { counted = 1 }
    /^Open / {
      number = $0
      if (!match(number, /(descriptor|socket) [0-9]+:/)) { print "not understood: " $0; next }
      number = substr(number, RSTART, RLENGTH)
      gsub(/[^0-9]/, "", number)
      what = number > 2 ? $0 : ""
      next
    }
    what != "" { if ($0 !~ /<inherited from parent>/) print what; what = "" }
    END { if (!counted) print "no count of descriptors" }' "$1"
}

# under_valgrind NAME PROGRAM ARGUMENT…: says what is wrong, if anything is, and fails then.
under_valgrind() {
  local name=$1 status=0 left
  shift
  # Forked children have logs of their own and end with what they inherited, so that only the first process is asked
  # about descriptors. A child with any other error exits with $wrong, which its test sees.
  # shellcheck disable=SC2016 # the inner shell expands it: its process becomes valgrind
  timeout -k 5 150 bash -c 'echo $$ >"$1"; shift; exec "$@"' - "$logs/$name.pid" \
    valgrind -q --fair-sched=try --track-fds=yes \
    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --error-exitcode=$wrong \
    --suppressions="$root/tests/support/valgrind.supp" --log-file="$logs/$name-%p.log" "$@" \
    </dev/null >"$logs/$name.out" 2>&1 || status=$?
  left=$(open_at_exit "$logs/$name-$(<"$logs/$name.pid").log")
  [[ -z $left ]] || printf '  open at exit: %s\n' "${left//$'\n'/; }"
  case $status in
    0) ;;
    124 | 137) echo '  did not end within 150 s' ;;
    *) echo "  exit status $status" ;;
  esac
  [[ $status == 0 && -z $left ]]
}

# expect TEXT FAULT: the selftest with this fault must be found out, and its report must contain TEXT; '' for neither.
expect() {
  local text=$1 fault=$2 report status=0
  report=$(
    under_valgrind "selftest-$fault" "$build/tests/valgrind_selftest" "$fault" || echo 'found out'
    grep -h '^==' "$logs/selftest-$fault"-*.log || true
  )
  if [[ -z $text ]]; then
    [[ $report != *'found out'* ]] || status=1
  else
    [[ $report == *'found out'* && $report == *"$text"* ]] || status=1
  fi
  if ((status != 0)); then
    printf 'FAILED  selftest %s: wanted "%s", got\n%s\n' "$fault" "$text" "$report"
    failures=$((failures + 1))
  fi
}

# run NAME ARGUMENT…: a test program or replay.
run() {
  local name=$1 program=$build/tests/$1 start=$SECONDS report
  shift
  [[ $name == fuzz_* ]] && program=$build/fuzz/$name
  if report=$(under_valgrind "$name" "$program" "$@"); then
    printf 'passed  %-20s %3ss\n' "$name" $((SECONDS - start))
  else
    printf 'FAILED  %-20s %3ss\n%s\n' "$name" $((SECONDS - start)) "$report"
    tail -n 40 "$logs/$name.out"
    grep -hv '<inherited' "$logs/$name"-*.log | head -n 60
    failures=$((failures + 1))
  fi
}

expect '' clean
expect '' child
expect 'open at exit: Open file descriptor' open
expect 'open at exit: Open' received
expect 'points to uninitialised byte(s)' undefined
expect 'definitely lost' lost
if ((failures == 0)); then
  echo 'passed  selftest'
fi

for program in test_core test_fuzz test_channel test_batch test_frame test_inspect test_faults; do
  run "$program" '~[no-valgrind]'
done
for program in fuzz_control_buffer fuzz_control_view fuzz_kernel_send fuzz_record_decoder; do
  inputs=("$root/fuzz/corpus/$program")
  [[ ! -d $root/fuzz/regressions/$program ]] || inputs+=("$root/fuzz/regressions/$program")
  run "$program" "${inputs[@]}"
done
((failures == 0))
