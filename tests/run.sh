#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh BIN_DIR FOLDER...: run the Criterion program of each tests/ folder; non-zero if any failed.
# Shows failures, skips with their reasons and the count; the whole log stays beside the programs.
set -u
bin=$1
shift
export LSAN_OPTIONS="suppressions=tests/lsan.supp:print_suppressions=0"
# What the machine remembers (calibration, compiled objects) is not what is tested.
state=$(mktemp -d) || exit 1
trap 'rm -rf "$state"' EXIT
trap 'exit 1' INT TERM HUP
export XDG_STATE_HOME="$state/state" XDG_CACHE_HOME="$state/cache"
failed=
for t in "$@"; do
    log=$bin/test-$t.log
    started=$(date +%s)
    "$bin/test-$t" --verbose -j2 --timeout "${PAWL_TEST_TIMEOUT:-300}" >"$log" 2>&1 || failed="$failed $t"
    echo "== $t ($(($(date +%s) - started)) s)"
    grep -vE '^\[(RUN |PASS|====\] Running)|^\[----\] Criterion' "$log"
done
if [ -n "$failed" ]; then
    echo "FAILED:$failed" >&2
    exit 1
fi
echo "all test folders passed: $*"
