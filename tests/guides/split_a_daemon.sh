#!/bin/bash
# split_a_daemon.sh FOLDER: the guide's daemon does by itself what the guide promises, and fails where it does not.
set -euo pipefail

"$1/split" >said.txt
cat said.txt
