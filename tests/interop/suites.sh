#!/bin/bash
# suites.sh SCM FOLDER [SUITE…]: what others wrote to test descriptor passing, unmodified, by itself, under `scm trace` and under
# `scm guard` with a policy that allows everything: each test must end the same, and the descriptors be those that strace saw.
# shellcheck disable=SC2016,SC2317 # $call is jq's; the functions of suites are called by their names
set -euo pipefail

scm=$1
folder=$2
shift 2
here=$(dirname "$(readlink -f "$0")")
all=(go-net go-net-386 go-syscall go-syscall-386 dbus python-socket python-fork python-spawn python-forkserver tmux nginx)
suites=("$@")
((${#suites[@]})) || suites=("${all[@]}")
read -ra columns <<<"${SUITES_COLUMNS:-plain traced guarded strace}"
mkdir -p "$folder"
folder=$(readlink -f "$folder")
printf 'policy 1\ndefault allow\n' >"$folder/everything.policy"

# A suite_NAME below prints "TEST PASS", FAIL or SKIP for each of its tests, and runs its programs by `under`.

# under COMMAND…: as the column says; what it saw goes to a file of its own.
under() {
  local log
  log=$(mktemp "$run/log.XXXXXX")
  case $column in
    plain) "$@" ;;
    traced) "$scm" trace --json -o "$log" -- "$@" ;;
    guarded) "$scm" guard --policy "$folder/everything.policy" --json --log "$log" -- "$@" ;;
    # A second opinion on what was passed.
    strace) strace -f --seccomp-bpf -qq -y -s 256 -e signal=none -e trace=sendmsg,recvmsg,sendmmsg,recvmmsg,recvmmsg_time64 \
      -o "$log" "$@" ;;
  esac
}

# Those of Go 1.19's tests that open a Unix socket, by what strace saw of each.
go_net='TestConnAndListener|TestDialerControl|TestDialError|TestProtocolDialError|TestListenError|TestProtocolListenError|'
go_net+='TestFileConn|TestFileListener|TestFilePacketConn|TestListenConfigControl|TestCloseRead|TestCloseWrite|TestConnClose|'
go_net+='TestListenerClose|TestPacketConnClose|TestZeroByteRead|TestPacketConn|TestConnAndPacketConn|'
go_net+='TestUnix.*|TestUnixgram.*|TestReadUnixgramWithUnnamedSocket|TestSplice'
go_syscall='TestSCMCredentials|TestGroupCleanup|TestPassFD|TestUnixRightsRoundtrip'

# go PACKAGE ARCHITECTURE PATTERN
go() {
  local program=$folder/go-$1-$2.test
  cd "/usr/share/go-1.19/src/$1"
  if [[ ! -x $program ]]; then
    env GOCACHE="$folder/go-cache" GOFLAGS= GOARCH="$2" CGO_ENABLED=0 /usr/lib/go-1.19/bin/go test -c -o "$program" "$1"
  fi
  # "--- PASS: TestPacketConn/unixgram (0.00s)". Names of subtests hold temporary paths, which differ.
  under "$program" -test.v -test.run "^($3)\$" 2>&1 | tee "$run/output" |
    sed -nE 's/^ *--- ([A-Z]+): ([^ ]+) \(.*/\2 \1/p' | sed -E 's,/tmp/[^ ]*|[0-9]{6\,},TEMPORARY,g'
  # One that ends before its tests do has no summary.
  tail -1 "$run/output" | sed -nE 's/^(PASS|FAIL)$/all-of-them \1/p'
}
suite_go-net() { go net amd64 "$go_net"; }
suite_go-net-386() { go net 386 "$go_net"; }
suite_go-syscall() { go syscall amd64 "$go_syscall"; }
suite_go-syscall-386() { go syscall 386 "$go_syscall"; }

# The programs say TAP: "ok 3 /name", "not ok 4 /name", either with "# SKIP why".
suite_dbus() {
  local test name words status
  for test in /usr/share/installed-tests/dbus/*.test; do
    name=$(basename "$test" .test)
    read -ra words < <(sed -n 's/^Exec=//p' "$test")
    status=0
    under timeout 120 "${words[@]}" >"$run/$name.out" 2>"$run/$name.err" </dev/null || status=$?
    # Some are known by no more than a number.
    awk -v test="$name" '/^(not )?ok/ {
      result = /# *SKIP/ ? "SKIP" : /^ok/ ? "PASS" : "FAIL"
      sub(/^(not )?ok */, ""); sub(/ *#.*/, ""); gsub(/[^A-Za-z0-9_\/]+/, "-")
      print test "/" $0, result }' "$run/$name.out"
    echo "$name/status-$status PASS"
  done
}

# python MODULE PATTERN…: Debian's interpreter, whose tests these are.
python() {
  local module=$1 arguments=() pattern
  shift
  for pattern in "$@"; do
    arguments+=(-m "$pattern")
  done
  rm -f "$run/junit.xml"
  under /usr/bin/python3 -m test --junit-xml "$run/junit.xml" "$module" "${arguments[@]}" >"$run/output" 2>&1 </dev/null || true
  # <testcase name="…" …/>, or with <skipped/>, <failure>, <error> inside.
  awk 'BEGIN { RS = "<testcase name=\"" } NR > 1 {
    name = $0; sub(/".*/, "", name)
    print name, /<skipped/ ? "SKIP" : /<failure|<error/ ? "FAIL" : "PASS" }' "$run/junit.xml"
}
passing=('*fd_transfer*' '*PicklingConnections*' '*TestListener*')
suite_python-socket() { python test_socket CmsgMacroTests '*Sendmsg*' '*Recvmsg*' '*SCMRights*' SendRecvFdsTests '*Unix*'; }
suite_python-fork() { python test_multiprocessing_fork "${passing[@]}" '*ProcessesTestProcess*'; }
suite_python-spawn() { python test_multiprocessing_spawn "${passing[@]}"; }
# Its server is given the descriptors of each process by a message.
suite_python-forkserver() { python test_multiprocessing_forkserver "${passing[@]}" '*ProcessesTestProcess*'; }

# Whole sessions, which say themselves what they tried.
suite_tmux() { under "$here/suites_tmux.sh" "$run" 2>"$run/err"; }
suite_nginx() { under "$here/suites_nginx.sh" "$run" 2>"$run/err"; }

# descriptors_seen: "12 sent (8 socket, 4 pipe), 12 received (…)" of the logs of a run.
descriptors_seen() {
  local lines=
  case $column in
    plain) return ;;
    traced) lines='select(.record == "call") | .call[0:4] as $call | .messages[]?.descriptors[]? | "\($call) \(.kind)"' ;;
    guarded) lines='.call[0:4] as $call | .descriptors[]? | select(.no_room | not) | "\($call) \(.kind)"' ;;
    strace) strace_kinds && return ;;
  esac
  cat "$run"/log.* | jq -r "$lines" | sed -E 's/^rece/recv/; s/(regular_file|directory)$/file/' | count_kinds
}

# "cmsg_data=[7<socket:[123]>, 8</dev/null>]" of each call, by the words of `scm inspect`, but for files and folders, which
# cannot be told apart here. A send that began beside another thread's call may have failed.
strace_kinds() {
  awk '
    !/SCM_RIGHTS/ || / = -1 E/ { next }
    { direction = /recvm/ ? "recv" : "send"
      rest = $0
      while ((at = index(rest, "cmsg_type=SCM_RIGHTS, cmsg_data=[")) != 0) {
        rest = substr(rest, at + 33)
        depth = 0; name = ""
        for (; rest != ""; rest = substr(rest, 2)) {
          letter = substr(rest, 1, 1)
          if (depth == 0 && (letter == "," || letter == "]")) { print direction, kind(name); name = "" }
          if (depth == 0 && letter == "]") break
          if (letter == "<") ++depth
          if (letter == ">") --depth
          name = name letter
        }
      } }
    function kind(name) {
      sub(/^[^<]*</, "", name)
      if (name ~ /^socket:|^UNIX|^TCP|^UDP|^NETLINK/) return "socket"
      if (name ~ /^pipe:|^\/.*fifo/) return "pipe"
      if (name ~ /^anon_inode:\[?eventpoll/) return "epoll"
      if (name ~ /^anon_inode:/) { gsub(/^anon_inode:\[?|\].*|>.*/, "", name); return name }
      if (name ~ /^\/memfd:/) return "memfd"
      if (name ~ /^\/dev\/(pts|tty|ptmx)/) return "terminal"
      if (name ~ /^\/dev\//) return "character_device"
      return "file"
    }' "$run"/log.* | count_kinds
}

# Lines of "send KIND" and "recv KIND".
count_kinds() {
  sort | uniq -c | awk '
    { direction = $2 == "send" ? "sent" : $2 == "recv" ? "received" : $2; total[direction] += $1
      kinds[direction] = kinds[direction] (kinds[direction] == "" ? "" : ", ") $1 " " $3 }
    END { for (i = split("sent received", order, " "); i > 0; --i) if (order[i] in total)
            text = total[order[i]] " " order[i] " (" kinds[order[i]] ")" (text == "" ? "" : "; ") text
          print text == "" ? "none" : text }'
}

# counts SUITE: what of the descriptors seen must be the same in each column. tmux is asked again and again until a step is
# done, and each question passes two.
counts() {
  [[ $1 == tmux ]] || cat "$run/descriptors"
}

verdict=0 first_seen=
for suite in "${suites[@]}"; do
  for column in "${columns[@]}"; do
    run=$folder/$suite/$column
    rm -rf "$run"
    mkdir -p "$run"
    start=$SECONDS
    (cd "$run" && "suite_$suite") 2>"$run/problems" | sort >"$run/results" || true
    descriptors_seen >"$run/descriptors" || true
    passed=$(grep -cE ' PASS$' "$run/results" || true)
    failed=$(grep -cvE ' (PASS|SKIP)$' "$run/results" || true)
    skipped=$(grep -c ' SKIP$' "$run/results" || true)
    said=
    if [[ $column == plain ]]; then
      first_seen=
    elif [[ -z $first_seen ]]; then
      first_seen=$(counts "$suite")
    fi
    if [[ $column != plain ]] && ! diff "$folder/$suite/plain/results" "$run/results" >"$run/differences"; then
      said='NOT THE SAME'
      [[ $column == strace ]] || verdict=1
    elif [[ ! -s $run/results ]]; then
      said='NO RESULTS'
      verdict=1
    elif [[ $column != plain && $(counts "$suite") != "$first_seen" ]]; then
      said='OTHER DESCRIPTORS'
      verdict=1
    fi
    printf '%-18s %-8s %4d passed %3d failed %3d skipped %4ds  %s %s\n' "$suite" "$column" "$passed" "$failed" "$skipped" \
      $((SECONDS - start)) "$said" "$(cat "$run/descriptors")"
  done
done
exit $verdict
