#!/bin/bash
# keep_a_socket_open.sh FOLDER: the guide's server is killed 20 times and its broker replaced twice while clients ask: nobody
# is refused, and what is lost was in the hands of a killed process. `scm` is in PATH.
set -euo pipefail

command -v python3 >/dev/null || {
  echo 'there is no python3'
  exit 4
}
cd "$1"
chmod +x start.sh
PORT=$((20000 + $$ % 20000))
export PORT

running=()
trap 'kill -KILL "${running[@]}" 2>/dev/null || true; wait 2>/dev/null || true' EXIT

# answers COMMAND…: asks until it succeeds, for some seconds.
answers() {
  local i
  for ((i = 0; i != 500; ++i)); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.02
  done
  echo "no success: $*" >&2
  return 1
}

scm serve ./broker --replace &
broker=$!
running+=("$broker")
answers scm ctl ./broker ping
./start.sh &
web=$!
running+=("$web")
answers scm ctl ./broker fetch web

# Four clients, each with one connection at a time: a killed process can have no more than four. One that was accepted and is
# reset, or ends without an answer, was in its hands; any other failure is one of the socket's.
cat >load.py <<'END'
import http.client, os, sys, threading, time

answers = open("answers.txt", "wb", buffering=0)
port, end = int(os.environ["PORT"]), time.monotonic() + 100
counts, refused, lock = {"answered": 0, "lost": 0}, [], threading.Lock()

def ask():
    while not os.path.exists("stop") and time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.connect()
        except OSError as error:
            with lock:
                refused.append(repr(error))
            continue
        try:
            connection.request("GET", "/")
            body = connection.getresponse().read()
            good = body.startswith(b"from process")
            with lock:
                counts["answered" if good else "lost"] += 1
                if good:
                    answers.write(body)
        except (ConnectionError, http.client.HTTPException):
            with lock:
                counts["lost"] += 1
        except OSError as error:
            with lock:
                refused.append(repr(error))
        finally:
            connection.close()

threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(counts["answered"], counts["lost"], len(refused), *refused[:3])
END
python3 load.py >load.txt &
load=$!
running+=("$load")

for ((kill = 1; kill <= 20; ++kill)); do
  answers grep -qx "from process $web" answers.txt
  kill -KILL "$web"
  wait "$web" 2>/dev/null || true
  if ((kill % 7 == 0)); then # the old one ends by itself
    scm serve --take-over ./broker &
    running+=("$!")
    wait "$broker"
    broker=$!
  fi
  ./start.sh &
  web=$!
  running+=("$web")
done
answers grep -qx "from process $web" answers.txt
touch stop
wait "$load"
read -r answered lost refused what <load.txt
echo "answered $answered, lost with 20 killed processes $lost, refused $refused"
[[ $refused == 0 ]] || {
  echo "$what"
  exit 1
}
((answered >= 21 && lost <= 80))
scm ctl ./broker list | grep -q '"name":"web"'
kill -TERM "$broker"
wait "$broker"
[[ ! -e broker ]]
