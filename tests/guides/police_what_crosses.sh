#!/bin/bash
# police_what_crosses.sh FOLDER: the guide's policies are valid, and real programs work under them: what they pass is in the log,
# by number and kind, and what they may not pass does not arrive. `scm` is in PATH.
set -euo pipefail

command -v python3 >/dev/null || {
  echo 'there is no python3'
  exit 4
}
cd "$1"
for policy in *.policy; do
  scm guard --policy "$policy" --check
done

# kinds LOG ACTION: the number and kind of the descriptors in its records.
kinds() {
  python3 - "$1" "$2" <<'END'
import collections, json, sys
count = collections.Counter()
for line in open(sys.argv[1]):
    record = json.loads(line)
    if record["action"] == sys.argv[2]:
        count.update(f'{record["call"]} {one["kind"]}' for one in record["descriptors"])
print(" ".join(f"{kind}:{number}" for kind, number in sorted(count.items())))
END
}
same() {
  [[ $1 == "$2" ]] || {
    echo "$3: '$1', and not '$2'"
    exit 1
  }
}

# A program that sends a file where memory was agreed is killed; what is agreed arrives close-on-exec.
cat >campaign.py <<'END'
import fcntl, os, socket
here, there = socket.socketpair()
memory = os.memfd_create("input", os.MFD_ALLOW_SEALING)
fcntl.fcntl(memory, 1033, 6)  # F_ADD_SEALS: shrink, grow
socket.send_fds(here, [b"x"], [memory])
got = socket.recv_fds(there, 1, 4)[1]
print([os.get_inheritable(fd) for fd in got], got[0] != 5, flush=True)
try:
    here.sendmsg([b"x"], [], socket.MSG_OOB)
except OSError as error:
    print(error.strerror, flush=True)
socket.send_fds(here, [b"x"], [os.open("/etc/passwd", os.O_RDONLY)])
print("not reached")
END
status=0
scm guard --policy campaign.policy --log campaign.log --json -- python3 campaign.py >campaign.out || status=$?
cat campaign.out
same "$status" 137 'campaign.py'
same "$(paste -sd'|' campaign.out)" '[False] True|Operation not supported' 'campaign.py'
same "$(kinds campaign.log kill)" 'send regular_file:1' 'campaign.log'
same "$(kinds campaign.log allow)" 'receive memfd:1 send memfd:1' 'campaign.log'

if command -v nginx >/dev/null; then
  PORT=$((20000 + $$ % 20000))
  mkdir -p nginx/logs
  cat >nginx/nginx.conf <<END
worker_processes 3;
pid $PWD/nginx/pid;
error_log $PWD/nginx/error.log;
events {}
http {
  access_log off;
  client_body_temp_path $PWD/nginx; proxy_temp_path $PWD/nginx; fastcgi_temp_path $PWD/nginx;
  uwsgi_temp_path $PWD/nginx; scgi_temp_path $PWD/nginx;
  server { listen 127.0.0.1:$PORT; location / { return 200 "served\n"; } }
}
END
  scm guard --policy nginx.policy --log nginx.log --json -- nginx -p "$PWD/nginx" -c "$PWD/nginx/nginx.conf" -g 'daemon off;' &
  guard=$!
  trap 'kill -KILL "$guard" 2>/dev/null || true' EXIT
  for ((i = 0; i != 500; ++i)); do
    answer=$(python3 -c "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:$PORT/').read().decode(), end='')" 2>/dev/null) && break
    sleep 0.02
  done
  same "$answer" served nginx
  # The first worker is told of two others, the second of one.
  for ((i = 0; i != 500; ++i)); do
    [[ $(kinds nginx.log allow) != 'receive socket:3 send socket:3' ]] || break
    sleep 0.02
  done
  same "$(kinds nginx.log allow)" 'receive socket:3 send socket:3' nginx.log
  kill -QUIT "$(<nginx/pid)"
  wait "$guard"
  trap - EXIT
  same "$(kinds nginx.log deny)" '' nginx.log
fi

if command -v tmux >/dev/null; then
  # A terminal for the client: the server that it starts gets it twice, as its input and its output.
  python3 - >tmux.out <<'END'
import os, pty, sys
words = ["scm", "guard", "--policy", "tmux.policy", "--log", "tmux.log", "--json", "--",
         "tmux", "-S", os.path.abspath("tmux.socket"), "-f", "/dev/null", "new-session", "true"]
os.environ["TERM"] = "xterm"
sys.exit(os.waitstatus_to_exitcode(pty.spawn(words)))
END
  same "$(kinds tmux.log allow)" 'receive terminal:2 send terminal:2' tmux.log
  same "$(kinds tmux.log deny)" '' tmux.log
fi
