#!/bin/bash
# plumb_a_device_process.sh FOLDER: the guide's two programs do what it says, and the device refuses what it says.
set -euo pipefail

folder=$1

{ head -c 512 /dev/zero && head -c 512 /dev/zero | tr '\0' x; } >image
"$folder/machine" "$folder/device" image >said.txt
cat said.txt
cmp said.txt - <<'END_OF_WORDS'
sector 0: status 0, first byte 00
sector 1: status 0, first byte 78
sector 1000000: status 1, first byte 78
the device ended with 0
END_OF_WORDS

# refused WORDS COMMAND…: the device ends with 1 and says so.
refused() {
  local words=$1 status=0
  shift
  "$@" 2>why.txt || status=$?
  cat why.txt
  [[ $status == 1 ]] && grep -q -- "$words" why.txt
}
refused 'disk' "$folder/device"
refused 'No such file' "$folder/machine" "$folder/no-device" image
mkdir -p directory
refused 'disk' "$folder/machine" "$folder/device" directory
