#!/bin/bash
# suites_nginx.sh FOLDER: nginx with three workers, each of which gets the channels of the others from the master; says what became
# of each step.
set -uo pipefail

folder=$1
port=$((20000 + $$ % 20000))
cat >"$folder/nginx.conf" <<END
worker_processes 3;
pid $folder/nginx.pid;
error_log $folder/error.log notice;
events { worker_connections 256; }
http {
  access_log off;
  server {
    listen 127.0.0.1:$port;
    listen unix:$folder/http.socket;
    location / { return 200 "from nginx\n"; }
  }
}
END

step() {
  local name=$1
  shift
  if "$@"; then echo "$name PASS"; else echo "$name FAIL"; fi
}

# soon COMMAND…: succeeds within some seconds.
soon() {
  local i
  for ((i = 0; i != 300; ++i)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.05
  done
  return 1
}

master() { cat "$folder/nginx.pid"; }
workers() { pgrep -P "$(master)"; }
are_three() { [[ $(workers | wc -l) == 3 ]]; }
# Without a client of HTTP, which would be one more package.
answers() {
  local answer
  exec 9<>"/dev/tcp/127.0.0.1/$port" || return
  printf 'GET / HTTP/1.0\r\n\r\n' >&9
  answer=$(cat <&9)
  exec 9>&-
  [[ $answer == *'from nginx'* ]]
}
answers_often() {
  local i
  for ((i = 0; i != 100; ++i)); do
    answers || return
  done
}
others_than() { are_three && [[ -z $(comm -12 <(sort <<<"$1") <(workers | sort)) ]]; }
gone() { [[ ! -e $folder/nginx.pid ]]; }

nginx -p "$folder" -c nginx.conf &
step start soon test -s "$folder/nginx.pid"
step three-workers soon are_three
step answers soon answers
step answers-often answers_often
before=$(workers)
step reload nginx -p "$folder" -c nginx.conf -s reload
step new-workers soon others_than "$before"
step answers-after-reload answers_often
one=$(workers | head -1)
kill -KILL "$one"
replaced() { are_three && ! workers | grep -qx "$one"; }
step killed-worker-is-replaced soon replaced
step answers-after-kill answers_often
step reopen nginx -p "$folder" -c nginx.conf -s reopen
step answers-after-reopen answers_often
step quit nginx -p "$folder" -c nginx.conf -s quit
step all-gone soon gone
wait
