#!/bin/bash
# The first C++ block of the README is a whole program: it compiles and runs as it stands there.
# usage: readme_first_block.sh README COMMAND…    (the command gets the source file as its last argument)
set -euo pipefail

readme=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk '/^```cpp/ { inside = 1; next } inside && /^```/ { exit } inside' "$readme" >"$work/readme.cpp"
if [[ ! -s $work/readme.cpp ]]; then
  echo "$readme has no block that begins with \`\`\`cpp"
  exit 1
fi
"$@" "$work/readme.cpp"
