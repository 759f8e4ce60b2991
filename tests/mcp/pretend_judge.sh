#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# In place of the program judge: what it would print, without measuring. The kernel decides: one that
# says PRETEND broken does not build.
set -eu
command=$1
shift
while [ "$1" != --source ]; do shift; done
source=$2
echo "timing one case" >&2
if grep -q 'PRETEND broken' "$source"/*; then
    echo '{"verdict": "FAIL_BUILD", "message": "pretended: it does not compile"}'
    exit 1
fi
case "$command" in
roofline) echo '{"cases": [{"name": "gemv-q4_k", "regime": "memory", "utilisation": 0.5}]}' ;;
profile)
    folder=$(dirname "$source")/profile
    mkdir -p "$folder"
    echo '# pretended summary' >"$folder/summary.md"
    echo 'hot here' >"$folder/hotspots.txt"
    echo "{\"folder\": \"$folder\", \"files\": {\"hotspots.txt\": \"hot\"}, \"closing\": \"the wall\"}"
    ;;
esac
