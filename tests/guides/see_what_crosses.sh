#!/bin/bash
# see_what_crosses.sh FOLDER: the guide's program loses its descriptors as the guide says, and the trace tells it in these words;
# only numbers of processes, files and times differ, and how two processes take turns. `scm` is in PATH.
set -euo pipefail
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- # the numbers that are shown are those of a program that inherits no more

command -v python3 >/dev/null || {
  echo 'there is no python3'
  exit 4
}
guide=$(cd "$(dirname "$0")/../.." && pwd)/docs/see-what-crosses.md
cd "$1/../folder"

# Numbers of messages depend on who comes first, as the order of lines does.
masked() {
  sed -E 's/^ *[0-9]+\.[0-9]{6} //; s/\[[0-9]+\]/[PID]/g; s/process [0-9]+/process PID/g; s/inode [0-9]+/inode N/; s/#[0-9]+/#N/g
    s/ +[0-9]+ +0 - +(\/etc\/hostname)/ \1/' | sort
}
expected=$(awk '/^```text/ && !done { on = 1; next } /^```/ { if (on) done = 1; on = 0 } on' "$guide" | masked)
scm trace -c -o trace -- python3 handover.py
if ! diff <(printf '%s\n' "$expected") <(masked <trace); then
  echo 'the guide shows something else'
  exit 1
fi
counted=$("$1/count" "$(command -v python3)" handover.py)
if [[ $counted != "4 sent, 2 received, 1 lost" ]]; then
  echo "the guide's program counts: $counted"
  exit 1
fi
