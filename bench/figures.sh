#!/bin/bash
# Measures everything anew and writes it into the documentation: the data and plots of docs/performance, and the tables
# in docs/performance.md, each between two comments that name it. Needs jq, gnuplot and valgrind.
# usage: figures.sh BUILD [--drawn]    (--drawn: only from the data that is there)
set -euo pipefail
shopt -s inherit_errexit

build=$1
folder=$(readlink -f "$(dirname "$0")/..")
bench=$folder/bench
tests=$folder/tests
page=$folder/docs/performance.md
data=$folder/docs/performance
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Plain C one message at a time, whose ratio is 1.
is_baseline='def is_baseline: test("^plain C($|,)"); '

# The machine in one line: what a reader needs to tell it from his own.
machine() {
  local processor kernel compiler virtual=''
  processor=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
  kernel=$(uname -r)
  compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$build/CMakeCache.txt")
  if grep -q '^flags.*\bhypervisor\b' /proc/cpuinfo; then virtual=' of a virtual machine'; fi
  printf '%s, %s CPUs%s; Linux %s; %s; %s -O2.\n' "${processor:-$(uname -m)}" "$(nproc --all)" "$virtual" "${kernel%%-*}" \
    "$(sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p' /etc/os-release)" \
    "$("$compiler" --version | sed -n '1s/ (.*) / /p')"
}

measure() {
  machine >"$work/machine.txt"
  "$build/scm_bench" --json >"$work/contest.json"
  "$build/scm_bench" --curves >"$work/curves.json"
  "$tests/cost/instructions.sh" "$build/scm_bench_pass" >"$work/instructions.txt"
  mkdir -p "$data"
  cp "$work"/{machine.txt,contest.json,curves.json,instructions.txt} "$data"
}

# The ratios: a row for each contender, a column for each workload.
contest_table() {
  jq -r '
    (map(.workload) | reduce .[] as $w ([]; if index($w) then . else . + [$w] end)) as $workloads
    | (group_by(.workload) | max_by(length) | map(.contender)) as $contenders  # some workload suits all of them
    | (map({key: "\(.workload)/\(.contender)", value: .}) | from_entries) as $at
    | def cell: if . == null then "–" else .ratio_median * 1000 | round / 1000 | tostring end;
      "| | " + ($workloads | join(" | ")) + " |",
      "|---" * (1 + ($workloads | length)) + "|",
      ($contenders[] as $c | "| " + ([$c] + [$workloads[] | $at["\(.)/\($c)"] | cell] | join(" | ")) + " |"),
      "| plain C, ns | " + ([$workloads[] | $at["\(.)/plain C"].ns_median | round | tostring] | join(" | ")) + " |"
  ' "$data/contest.json"
}

# The ratios of one curve: a row for each line, a column for each x.
curve_table() {
  jq -r --arg curve "$1" --arg field "$2" "$is_baseline"'
    map(select(.curve == $curve))
    | (map(.x) | unique) as $xs
    | (map(.contender) | reduce .[] as $c ([]; if index($c) then . else . + [$c] end)) as $lines
    | (map({key: "\(.x)/\(.contender)", value: .[$field]}) | from_entries) as $at
    | "| | " + ($xs | map(tostring) | join(" | ")) + " |",
      "|---" * (1 + ($xs | length)) + "|",
      ($lines[] as $l | select($field != "ratio_median" or ($l | is_baseline | not)) | "| " + ([$l]
        + [$xs[] | $at["\(.)/\($l)"] | if . == null then "–" elif . >= 10 then round | tostring
          else tostring end] | join(" | ")) + " |")
  ' "$data/curves.json"
}

instructions_table() {
  awk 'NR == 1 { print "| descriptors | plain C | scm | ratio |"; print "|---|---|---|---|"; next }
    { print "| " $1 " | " $2 " | " $3 " | " $4 " |" }' "$data/instructions.txt"
}

# fill NAME: puts what it reads between <!-- NAME --> and <!-- end -->.
fill() {
  cat >"$work/filling"
  awk -v name="<!-- $1 -->" -v filling="$work/filling" '
    $0 == name { print; while ((getline line <filling) > 0) print line; inside = 1; found = 1; next }
    inside && $0 == "<!-- end -->" { inside = 0 }
    !inside { print }
    END { exit !found || inside }' "$page" >"$work/page"
  cp "$work/page" "$page"
}

draw() {
  local curve
  for curve in batch records payload in-flight; do
    local field=ns
    [[ $curve == batch || $curve == records ]] && field=ratio
    jq -r --arg curve "$curve" --arg field "$field" "$is_baseline"'
      map(select(.curve == $curve)) | group_by(.contender)
      | map(select($field == "ns" or (.[0].contender | is_baseline | not))) | .[]
      | "\"\(.[0].contender)\"", (sort_by(.x)[] | [.x, .["\($field)_median"]] | @tsv),
        "", ""' "$data/curves.json" >"$work/$curve.tsv"
  done
  gnuplot -c "$bench/plots.gp" "$work" "$data"
}

[[ ${2:-} == --drawn ]] || measure
draw
fill machine <"$data/machine.txt"
contest_table | fill contest
instructions_table | fill instructions
curve_table batch ratio_median | fill batch
curve_table records ratio_median | fill records
curve_table payload ns_median | fill payload
curve_table in-flight ns_median | fill in-flight
echo "written: docs/performance.md and docs/performance"
