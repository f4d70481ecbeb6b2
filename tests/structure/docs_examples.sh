#!/bin/bash
# Every C++ block of the documentation whose first line begins with `// example:` is a whole program: it compiles and
# runs as it stands there.
# usage: docs_examples.sh DIRECTORY COMMAND…    (the command gets the source file as its last argument)
set -euo pipefail

docs=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

count=0
failed=0
for document in "$docs"/*.md; do
  awk -v stem="$work/$(basename "$document" .md)" '
    /^```cpp/ { first = 1; next }
    /^```/ { out = ""; first = 0; next }
    first { first = 0; if (/^\/\/ example:/) out = stem "-" FNR ".cpp" }
    out != "" { print > out }' "$document"
done
for source in "$work"/*.cpp; do
  [[ -e $source ]] || continue
  count=$((count + 1))
  echo "$(basename "$source" .cpp): $(head -n 1 "$source")"
  "$@" "$source" || failed=$((failed + 1))
done
echo "$count examples, $failed failed"
((failed == 0))
