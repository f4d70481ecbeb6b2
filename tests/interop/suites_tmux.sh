#!/bin/bash
# suites_tmux.sh FOLDER: a tmux session, whose clients hand their terminals to the server; says what became of each step.
set -uo pipefail

folder=$1
export TERM=xterm LC_ALL=C.UTF-8
unset TMUX
session() { tmux -S "$folder/socket" -f /dev/null "$@"; }

# step NAME COMMAND…
step() {
  local name=$1
  shift
  if "$@"; then echo "$name PASS"; else echo "$name FAIL"; fi
}

# until_seen WHAT COMMAND…: its output has it, within some seconds.
until_seen() {
  local what=$1 i
  shift
  for ((i = 0; i != 200; ++i)); do
    "$@" 2>/dev/null | grep -q "$what" && return
    sleep 0.05
  done
  return 1
}

# A client on a terminal of its own, which script(1) makes; it stays until it is detached. At the end of its input script would
# type control-D, so that has none.
mkfifo "$folder/keyboard"
exec 8<>"$folder/keyboard"
attach() { script -qefc "tmux -S '$folder/socket' attach -t main" "$folder/$1.terminal" <&8 >/dev/null 2>&1 & }

step new-session session new-session -d -s main -x 80 -y 24 'exec cat'
step list-sessions until_seen '^main:' session list-sessions
step send-keys session send-keys -t main 'something typed' Enter
step capture-pane until_seen 'something typed' session capture-pane -p -t main
attach first
step attach until_seen 'main' session list-clients
attach second
two_clients() { [[ $(session list-clients | wc -l) == 2 ]]; }
until_two() {
  local i
  for ((i = 0; i != 200; ++i)); do
    two_clients && return
    sleep 0.05
  done
  return 1
}
step attach-again until_two
step new-window session new-window -t main 'exec sleep 100'
step split-window session split-window -t main 'exec sleep 100'
step list-panes until_seen '%2' session list-panes -a
seen_on_terminal() { until_seen 'something typed' cat "$folder/first.terminal"; }
step terminal-shows-it seen_on_terminal
step detach session detach-client -s main
none_left() {
  local i
  for ((i = 0; i != 200; ++i)); do
    [[ -z $(session list-clients) ]] && return
    sleep 0.05
  done
  return 1
}
step no-clients none_left
step save-buffer session set-buffer 'in a buffer'
step show-buffer until_seen 'in a buffer' session show-buffer
step load-buffer bash -c "echo from standard input | tmux -S '$folder/socket' load-buffer -"
step loaded until_seen 'from standard input' session show-buffer
step kill-server session kill-server
wait
step socket-is-dead bash -c "! tmux -S '$folder/socket' list-sessions 2>/dev/null"
