#!/bin/bash
# storage_daemon.sh EXAMPLES FOLDER: the front end in EXAMPLES uses the same image through the back end there and through qemu-storage-daemon.
# What one writes the other reads; then random reads are timed on both in turn. What the programs say goes to FOLDER.
set -euo pipefail

back_end=$1/vhost-user-blk
client=$1/vhost-user-blk-client
activator=$1/example_activate_on_demand
folder=$2
mkdir -p "$folder"
cd "$folder"
image=disk.img
rm -f "$image" ./*.sock
truncate -s 64M "$image"

"$back_end" --socket-path=ours.sock --blk-file="$image" 2>ours.log &
children=($!)
trap 'kill "${children[@]}" 2>/dev/null || true; wait' EXIT
qemu-storage-daemon --blockdev driver=file,node-name=image,filename="$image",locking=off \
  --export vhost-user-blk,id=disk,node-name=image,addr.type=unix,addr.path=theirs.sock,writable=on 2>theirs.log &
children+=($!)
for ((i = 0; i != 1000; ++i)); do
  [[ -S ours.sock && -S theirs.sock ]] && break
  sleep 0.01
done

from_image() { dd if="$image" bs=512 skip="$1" count="$2" status=none; }

# More than one request holds, and at the very end.
sector=1000
for end in ours theirs; do
  other=theirs
  [[ $end == ours ]] || other=ours
  head -c 200192 /dev/urandom >random.bin # 391 sectors
  "$client" "$end.sock" write "$sector" <random.bin
  cmp random.bin <(from_image "$sector" 391)
  cmp random.bin <("$client" "$other.sock" read "$sector" 391)
  head -c 512 random.bin | "$client" "$end.sock" write 131071
  cmp <(head -c 512 random.bin) <("$client" "$other.sock" read 131071 1)
  if "$client" "$end.sock" read 131071 2 >/dev/null 2>end.log; then
    echo "storage_daemon.sh: $end reads past the end of the disk" >&2
    exit 1
  fi
  "$client" "$end.sock" info >info.txt
  grep -q '^131072 sectors' info.txt
  sector=3000
done

# Started by its first connection, killed, and started by the next one, which waited in the backlog meanwhile.
"$activator" activated.sock "$back_end" --blk-file="$image" 2>activator.log &
children+=($!)
for ((i = 0; i != 1000; ++i)); do
  [[ -S activated.sock ]] && break
  sleep 0.01
done
for end in first second; do
  cmp random.bin <("$client" activated.sock read 3000 391)
  [[ $end == second ]] || pkill -KILL -P "${children[2]}"
done

rounds=7
per_second() { "$client" "$1.sock" bench 4000 "$2" | cut -d ' ' -f 1; }
median() { sort -n | sed -n "$((rounds / 2 + 1))p"; }
for depth in 1 8 32; do
  for ((round = 0; round != rounds; ++round)); do
    echo "$(per_second ours $depth) $(per_second theirs $depth)"
  done | awk '{ printf "%d %d %.2f\n", $1, $2, $1 / $2 }' >rounds.txt
  printf 'random reads of 4 KiB, %2d at a time: %6d a second, by qemu-storage-daemon %6d; median ratio %s\n' "$depth" \
    "$(cut -d ' ' -f 1 rounds.txt | median)" "$(cut -d ' ' -f 2 rounds.txt | median)" "$(cut -d ' ' -f 3 rounds.txt | median)"
done
