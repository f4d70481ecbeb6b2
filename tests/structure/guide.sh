#!/bin/bash
# A guide is a program: its blocks that begin with `// file: NAME` or `# file: NAME` are its files, those with
# `NAME, continued` follow one another. They are built against the installed library in a folder of their own, and run:
# CHECK gets the folder of the programs, with the installed scm in PATH. Where nothing is to be built it is that of the files.
# usage: guide.sh GUIDE BUILD-DIRECTORY WORK-DIRECTORY CMAKE COMPILER CHECK
set -euo pipefail

guide=$1 build=$2 work=$3 cmake=$4 compiler=$5 check=$6

rm -rf "$work"
mkdir -p "$work/folder"
awk -v folder="$work/folder" '
  /^```[a-z]/ { first = 1; next }
  /^```/ { out = ""; first = 0; next }
  first {
    first = 0
    if (match($0, /^(\/\/|#) file: [^ ,]+/)) {
      out = $0
      sub(/^(\/\/|#) file: /, "", out)
      sub(/,.*/, "", out)
      out = folder "/" out
      next
    }
  }
  out != "" { print > out }' "$guide"
"$cmake" --install "$build" --prefix "$work/prefix" >/dev/null
export PATH="$work/prefix/bin:$PATH"
if [[ ! -e $work/folder/CMakeLists.txt ]]; then
  cd "$work"
  exec "$check" "$work/folder"
fi
"$cmake" -S "$work/folder" -B "$work/build" -G Ninja -D CMAKE_CXX_COMPILER="$compiler" -D CMAKE_BUILD_TYPE=Debug \
  -D CMAKE_CXX_FLAGS='-Wall -Wextra -Wpedantic -Werror' -D CMAKE_PREFIX_PATH="$work/prefix" >/dev/null
"$cmake" --build "$work/build"
cd "$work"
"$check" "$work/build"
