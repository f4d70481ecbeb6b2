#!/bin/bash
# a_control_socket_for_your_daemon.sh FOLDER: the guide's daemon answers as the guide says, to the guide's client.
set -euo pipefail

folder=$1
"$folder/daemon" ./control ./log >said.txt &
daemon=$!
trap 'kill "$daemon" 2>/dev/null || true' EXIT
for _ in {1..200}; do
  grep -q ready said.txt && break
  sleep 0.05
done

expect() {
  local wanted=$1 got
  shift
  got=$("$folder/ask" ./control "$@" 2>&1) || true
  [[ $got == "$wanted" ]] || {
    printf 'ask %s: %s\ninstead of: %s\n' "$*" "$got" "$wanted"
    exit 1
  }
}
expect PONG ping
expect 'level 1' level
expect 'level 3' level 3
expect '{"err":22,"msg":"a level is a number from 0 to 9"}' level x
expect '{"err":22,"msg":"level [0 to 9]"}' level 1 2
expect $'level 3, by uid '"$(id -u)"$'\nlog' log
expect '{"major":1,"minor":1}' version
[[ $(stat -c %a control) == 600 ]]
kill "$daemon"
wait "$daemon"
trap - EXIT
[[ $(cat said.txt) == $'ready\ndone' && ! -e control ]]
