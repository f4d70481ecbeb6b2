#!/bin/bash
# qemu.sh BACK_END FOLDER: QEMU boots from a disk that BACK_END serves, reads a sector, writes one, and ends. The image
# is checked from outside. What the programs say goes to FOLDER.
set -euo pipefail

back_end=$1
folder=$2
here=$(dirname "$(readlink -f "$0")")
mkdir -p "$folder"
cd "$folder"
image=disk.img
socket=vhost.sock
seconds=60 # for QEMU; it takes one

as --32 -o boot.o "$here/boot.s"
ld -m elf_i386 -Ttext 0x7c00 --oformat binary -e start -o boot.bin boot.o

# The boot sector, a sector of text, one of zeroes, and room behind.
truncate -s 1M "$image.new"
dd if=boot.bin of="$image.new" conv=notrunc status=none
printf 'read by guest %2d\n' {1..30} >read.bin # 17 bytes each
truncate -s 512 read.bin
dd if=read.bin of="$image.new" bs=512 seek=1 conv=notrunc status=none
mv "$image.new" "$image"

"$back_end" --socket-path="$socket" --blk-file="$image" 2>back-end.log &
back=$!
trap 'kill "$back" 2>/dev/null || true; wait "$back" 2>/dev/null || true' EXIT
for ((i = 0; i != 500; ++i)); do
  [[ -S $socket ]] && break
  sleep 0.01
done

status=0
timeout "$seconds" qemu-system-x86_64 -M pc,accel=tcg,memory-backend=guest -m 32 -nodefaults -no-user-config \
  -display none -object memory-backend-memfd,id=guest,size=32M,share=on \
  -chardev "socket,id=disk,path=$socket" -device vhost-user-blk-pci,chardev=disk,num-queues=1,bootindex=0 \
  -chardev file,id=serial,path=serial.txt -serial chardev:serial -device isa-debug-exit,iobase=0xf4,iosize=4 \
  >qemu.log 2>&1 </dev/null || status=$?
if ((status != (0x21 << 1 | 1))); then
  echo "qemu.sh: QEMU ended with $status, not with the boot sector's $((0x21 << 1 | 1))" >&2
  tail -n 20 qemu.log serial.txt back-end.log >&2
  exit 1
fi
grep -qx 'sector 2 is written' serial.txt

# Twice turned over is as before.
dd if="$image" bs=512 skip=2 count=1 status=none | od -An -v -tu1 -w1 | awk '{ print 255 - $1 }' >written.txt
od -An -v -tu1 -w1 read.bin | awk '{ print $1 + 0 }' >expected.txt
cmp expected.txt written.txt
cmp -n 512 boot.bin "$image"
cmp <(dd if="$image" bs=512 skip=1 count=1 status=none) read.bin
if dd if="$image" bs=512 skip=3 status=none | tr -d '\0' | grep -q .; then
  echo 'qemu.sh: something was written that nobody asked for' >&2
  exit 1
fi

kill -TERM "$back"
wait "$back"
if [[ -e $socket ]]; then
  echo 'qemu.sh: the socket is left behind' >&2
  exit 1
fi
