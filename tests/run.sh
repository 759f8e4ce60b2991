#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh BIN_DIR FOLDER...: run the Criterion program of each tests/ folder; non-zero if any failed.
set -u
bin=$1
shift
failed=
for t in "$@"; do
    echo "== $t"
    "$bin/test-$t" -j2 --timeout "${PAWL_TEST_TIMEOUT:-300}" || failed="$failed $t"
done
if [ -n "$failed" ]; then
    echo "FAILED:$failed" >&2
    exit 1
fi
echo "all test folders passed: $*"
