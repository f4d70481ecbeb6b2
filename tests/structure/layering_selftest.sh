#!/bin/bash
# Shows that layering.sh catches planted violations, and accepts what is allowed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# check WANTED FILE INCLUDE: a tree with that include alone must be accepted (WANTED empty) or refused with WANTED.
check() {
  local wanted=$1 file=$2 include=$3 status=0 output
  rm -rf "$tree/include" "$tree/src"
  mkdir -p "$tree/$(dirname "$file")"
  printf '#include <vector>\n#include %s\n' "$include" >"$tree/$file"
  output=$("$here/layering.sh" "$tree" 2>&1) || status=$?
  if [[ -z $wanted && $status -ne 0 ]] ||
     [[ -n $wanted && ($status -ne 1 || $output != *"$file:"*"$wanted"*) ]]; then
    printf 'FAILED: %s with %s: wanted "%s", got status %s and\n%s\n' "$file" "$include" "$wanted" "$status" "$output"
    failures=$((failures + 1))
  fi
}

check '' include/scm/core/fd.hpp '<scm/core/result.hpp>'
check '' include/scm/channel.hpp '<scm/channel/stream.hpp>'
check '' include/scm/channel/stream.hpp '<scm/inspect.hpp>'
check '' src/channel/stream.cpp '"core/sys.hpp"'
check '' src/netlink/diag.cpp '<scm/core/fd.hpp>'
check '' src/service/broker.cpp '<scm/service/broker.hpp>'
check '' src/service/broker.cpp '<scm/asio.hpp>'
check '' src/service/broker.cpp '<scm/service/control_server.hpp>'
check '' src/service/control_server.cpp '"service/control_lines.hpp"'
check '' src/cli/send.cpp '<scm/service/broker.hpp>'
check '' include/scm/asio/socket.hpp '<boost/asio.hpp>'

check "core includes 'scm/channel/stream.hpp'" include/scm/core/fd.hpp '<scm/channel/stream.hpp>'
check "core includes 'scm/channel.hpp'" src/core/fd.cpp '<scm/channel.hpp>'
check "core includes 'channel/wait.hpp'" src/core/fd.cpp '"channel/wait.hpp"'
check "inspect includes 'scm/channel/stream.hpp'" src/inspect/kind.cpp '<scm/channel/stream.hpp>'
check "channel includes 'scm/foreign/walk.hpp'" src/channel/stream.cpp '  <scm/foreign/walk.hpp>'
check "process includes 'scm/frame.hpp'" src/process/spawn.cpp '<scm/frame.hpp>'
check 'includes its sibling' src/service/broker.cpp '<scm/service/proxy.hpp>'
check 'includes its sibling' src/service/broker_grants.cpp '"service/control_lines.hpp"'
check 'which is not installed' include/scm/core/fd.hpp '"core/sys.hpp"'
check 'is spelled neither' src/core/fd.cpp '"sys.hpp"'
check 'is spelled neither' src/core/fd.cpp '"../core/sys.hpp"'
check 'is in no layer' src/core/fd.cpp '<scm/misc/x.hpp>'
check "'misc' is not a layer" src/misc/x.cpp '<vector>'
((failures == 0)) && echo 'every planted violation is caught'
