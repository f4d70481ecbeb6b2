#!/bin/bash
# nginx.sh SCM FOLDER: nginx, whose listening socket lives in `scm serve`, is killed 20 times under wrk's load while the broker is
# replaced twice. Nobody is refused and nobody waits too long; what breaks was connected to a killed nginx.
set -euo pipefail

scm=$1
folder=$2
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
port=$((20000 + $$ % 20000)) connections=16 kills=20

cat >nginx.conf <<END
daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log;
events { worker_connections 256; }
http {
  access_log off;
  server {
    listen 127.0.0.1:$port;
    location / { return 200 "from nginx\n"; }
  }
}
END

running=()
end_all() {
  local pid
  # shellcheck disable=SC2046
  for pid in "${running[@]}"; do
    kill -KILL "$pid" $(pgrep -P "$pid") 2>/dev/null || true # a worker would outlive its nginx
  done
  wait 2>/dev/null || true
}
trap end_all EXIT

# answers COMMAND…: asks until it succeeds, for some seconds.
answers() {
  local i
  for ((i = 0; i != 500; ++i)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.02
  done
  echo "nginx.sh: no success: $*" >&2
  return 1
}

start_nginx() {
  "$scm" ctl ./broker fetch web -- env 'NGINX=3;' nginx -p "$folder" -c nginx.conf 2>>nginx.log &
  nginx=$!
  running+=("$nginx")
}

"$scm" serve ./broker &
broker=$!
running+=("$broker")
answers "$scm" ctl ./broker ping
"$scm" ctl ./broker store web --listen "127.0.0.1:$port" >/dev/null
start_nginx
wrk -t 2 -c "$connections" -d 12s --timeout 10s "http://127.0.0.1:$port/" >wrk.txt &
load=$!
running+=("$load")
for ((kill = 1; kill <= kills; ++kill)); do
  sleep 0.4
  # With its worker, which would go on accepting.
  # shellcheck disable=SC2046
  kill -KILL "$nginx" $(pgrep -P "$nginx")
  wait "$nginx" 2>/dev/null || true
  if ((kill % 7 == 0)); then # the old one ends by itself
    "$scm" serve --take-over ./broker &
    running+=("$!")
    wait "$broker"
    broker=$!
  fi
  start_nginx
done
wait "$load"
cat wrk.txt

# "Socket errors: connect 0, read 12, write 3, timeout 0", if there were any.
errors=$(sed -n 's/.*Socket errors: connect \([0-9]*\), read \([0-9]*\), write \([0-9]*\), timeout \([0-9]*\).*/\1 \2 \3 \4/p' wrk.txt)
read -r refused broken_read broken_write late <<<"${errors:-0 0 0 0}"
requests=$(sed -n 's/ *\([0-9]*\) requests in.*/\1/p' wrk.txt)
echo "nginx was killed $kills times: $requests requests answered, refused $refused, late $late, broken $((broken_read + broken_write))"
if grep 'Non-2xx' wrk.txt; then
  exit 1
fi
((refused == 0 && late == 0 && broken_read + broken_write <= kills * connections && requests > 1000))
kill -TERM "$broker"
wait "$broker"
