#!/bin/bash
# Compiles one whole program against the library as a user would, and runs it.
# usage: compile_example.sh COMPILER INCLUDE-DIRECTORY LIBRARY SOURCE
set -euo pipefail

compiler=$1 include=$2 library=$3 source=$4
program=$(mktemp)
trap 'rm -f "$program"' EXIT
"$compiler" -std=c++23 -Wall -Wextra -Wpedantic -Werror -I"$include" "$source" "$library" -lfmt -o "$program"
"$program" </dev/null
