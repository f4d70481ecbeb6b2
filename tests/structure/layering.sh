#!/bin/bash
# Holds every file under include/scm/<layer> and src/<layer> to the layers that it may include.
# usage: layering.sh TREE
set -euo pipefail

# What a layer may include besides itself; all of that layer's own row comes with it.
declare -A row=(
  [core]=''
  [inspect]='core'
  [foreign]='core'
  [fuzz]='core'
  [channel]='core inspect'
  [batch]='channel'
  [netlink]='batch'
  [frame]='channel'
  [process]='channel'
  [asio]='batch netlink frame'
  [service]='core inspect foreign channel batch netlink frame process asio'
  [cli]='core inspect foreign channel batch netlink frame process asio service'
)

tree=$1
cd "$tree"

# closure LAYER: the layer and everything below it.
closure() {
  local below
  printf '%s ' "$1"
  for below in ${row[$1]}; do
    closure "$below"
  done
}
declare -A allowed=()
for layer in "${!row[@]}"; do
  allowed[$layer]=" $(closure "$layer")"
done

violations=0
complain() {
  printf '%s:%s: %s\n' "$file" "$number" "$1"
  violations=$((violations + 1))
}

# layer_of PATH: include/scm/core/fd.hpp, include/scm/core.hpp, src/core/sys.hpp and scm/core/fd.hpp are all `core`.
# It and unit_of answer in REPLY: a subshell for each of some thousand includes would take seconds.
layer_of() {
  REPLY=${1#include/}
  REPLY=${REPLY#scm/}
  REPLY=${REPLY#src/}
  REPLY=${REPLY%%/*}
  REPLY=${REPLY%.hpp}
}

# unit_of PATH: the part of `service` that a file belongs to, by the first word of its name (control_server.hpp is of
# `control`); its parts are siblings and know nothing of each other.
unit_of() {
  REPLY=${1#*service/}
  REPLY=${REPLY%%/*}
  REPLY=${REPLY%.?pp}
  REPLY=${REPLY%%_*}
}

# siblings FILE INCLUDED: whether both are parts of `service`, and different ones. The umbrella may have them all, and
# the control server's public headers are for all: commands of the others are added to it.
siblings() {
  [[ $2 != scm/service/control_* && $1 != include/scm/service.hpp && $1 == */service/* && $2 == *service/* ]] || return 1
  unit_of "$1"
  local unit=$REPLY
  unit_of "$2"
  [[ $REPLY != "$unit" ]]
}

files=0
while IFS= read -r file; do
  files=$((files + 1))
  number=1
  layer_of "$file"
  layer=$REPLY
  if [[ ! -v row[$layer] ]]; then
    complain "'$layer' is not a layer"
    continue
  fi
  while IFS=: read -r number line; do
    # Ours are <scm/layer/x.hpp>, <scm/layer.hpp> and "layer/x.hpp"; any other <…> is somebody else's.
    if [[ $line =~ \<(scm/[^>]+)\> ]]; then
      included=${BASH_REMATCH[1]}
    elif [[ $line =~ \"([^\"]+)\" ]]; then
      included=${BASH_REMATCH[1]}
      if [[ $file == include/* ]]; then
        complain "a public header includes \"$included\", which is not installed"
        continue
      fi
      if [[ $included != */* || $included == ../* || $included == scm/* ]]; then
        complain "\"$included\" is spelled neither \"layer/x.hpp\" nor <scm/layer/x.hpp>"
        continue
      fi
    else
      continue
    fi
    layer_of "$included"
    target=$REPLY
    if [[ ! -v row[$target] ]]; then
      complain "'$included' is in no layer"
    elif [[ ${allowed[$layer]} != *" $target "* ]]; then
      complain "$layer includes '$included', but may include only:${allowed[$layer]}"
    elif siblings "$file" "$included"; then
      complain "a service includes its sibling '$included'"
    fi
  done < <(grep -nE '^[[:space:]]*#[[:space:]]*include' "$file" || true)
done < <(for root in include src; do [[ -d $root ]] && find "$root" -type f -name '*.?pp'; done | sort)

if ((files == 0)); then
  echo "no source files under $tree"
  exit 1
fi
if ((violations > 0)); then
  echo "$violations includes break the layering"
  exit 1
fi
echo "$files files keep to their layers"
