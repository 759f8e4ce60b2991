#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh BUILD_DIR SECONDS TARGET...: run each libFuzzer program, two at a time, beginning with its
# corpus; non-zero if any found something. What it found and what it learnt stay in BUILD_DIR/fuzz.
set -u
build=$1 seconds=$2
shift 2
run() {
    dir=$build/fuzz/$1
    mkdir -p "$dir/learnt"
    if "$build/bin/fuzz-$1" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=4096 -max_len=65536 \
        -artifact_prefix="$dir/" "$dir/learnt" "tests/fuzz/corpus/$1" >"$dir/log" 2>&1; then
        echo "$1: clean, $(grep -oE 'DONE +cov: [0-9]+.*' "$dir/log" | cut -c1-70) in $seconds s"
    else
        echo "$1: FAILED, see $dir/log"
        grep -m3 -E 'ERROR|runtime error|ALARM' "$dir/log"
        touch "$build/fuzz/failed"
    fi
}
mkdir -p "$build/fuzz"
rm -f "$build/fuzz/failed"
while [ $# -gt 0 ]; do
    run "$1" &
    [ $# -gt 1 ] && run "$2" &
    wait
    shift
    [ $# -gt 0 ] && shift
done
[ ! -e "$build/fuzz/failed" ]
