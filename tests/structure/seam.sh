#!/bin/bash
# Every call out of core, inspect, channel, batch, netlink and process into the system goes through src/core/sys.hpp, but for those that
# docs/syscalls.md names under "Outside of the seam"; and those that it names are made.
# usage: seam.sh TREE
set -euo pipefail

cd "$1"
seam=src/core/sys.hpp
document=docs/syscalls.md
# Parts of the standard library that make system calls of their own.
hidden='<(condition_variable|cstdio|filesystem|fstream|future|iostream|latch|mutex|random|semaphore|shared_mutex|syncstream|thread)>'

folders=()
for layer in core inspect channel batch netlink process; do
  for root in src include/scm; do
    [[ -d $root/$layer ]] && folders+=("$root/$layer")
  done
done
((${#folders[@]} > 0)) || { echo "no sources under $1"; exit 1; }

# The code of each line: no comments, no string literals.
code() {
  grep -rnE --include='*.?pp' "$1" "${folders[@]}" | grep -v "^$seam:" | sed -E 's|//.*||; s|"([^"\\]\|\\.)*"|""|g' |
    grep -E "$1" || true
}

made=$(
  {
    code '(^|[^A-Za-z0-9_>])::[a-z_0-9]+[[:space:]]*\(' | grep -oE '(^|[^A-Za-z0-9_>])::[a-z_0-9]+[[:space:]]*\(' |
      sed -E 's/^[^:]*::([a-z_0-9]+).*/\1/' || true
    code '[a-z]_clock::now' | grep -oE '[a-z_]+_clock::now' || true
  } | sort -u
)
# A call of the seam's own names without the seam, spelled so that it cannot be a member of ours.
names=$(grep -oE '[^A-Za-z0-9_>]::[a-z_0-9]+\(' $seam | sed -E 's/.*::([a-z_0-9]+)\(/\1/' | sort -u |
  grep -vxE 'accept4|bind|connect|listen|open|poll|read|shutdown|close|socket|statfs|unlink' | paste -sd'|')
bare=$(code "(^|[^A-Za-z0-9_:.>])($names|recvfrom|sendto|pipe2?|dup[23]?|mmap|munmap|eventfd|getpid)[[:space:]]*\\(")
listed=$(awk -F'\140' '/^## / { here = $0 == "## Outside of the seam" } here && /^\| \140/ { print $2 }' $document | sort -u)

failures=0
complain() {
  printf '%s\n' "$1"
  failures=$((failures + 1))
}
while IFS= read -r name; do
  [[ -n $name ]] || continue
  pattern="(^|[^A-Za-z0-9_>])::${name}[[:space:]]*\\("
  [[ $name != *::now ]] || pattern=$name
  complain "$name is neither in the seam nor in $document: $(code "$pattern" | head -n 1)"
done < <(comm -23 <(printf '%s\n' "$made") <(printf '%s\n' "$listed"))
while IFS= read -r name; do
  [[ -z $name ]] || complain "$document names $name, which nobody calls"
done < <(comm -13 <(printf '%s\n' "$made") <(printf '%s\n' "$listed"))
[[ -z $bare ]] || complain "$bare"$'\n'"without :: and without the seam"
including=$(grep -rnE --include='*.?pp' "^[[:space:]]*#[[:space:]]*include[[:space:]]*$hidden" "${folders[@]}" || true)
[[ -z $including ]] || complain "$including"$'\n'"asks the kernel behind the seam's back"

((failures == 0)) || exit 1
echo "outside of the seam: $(printf '%s' "$made" | paste -sd' ')"
