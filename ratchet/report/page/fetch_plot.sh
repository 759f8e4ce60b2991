#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fetch_plot.sh DIR: leave d3 there as plot.js with license.txt. Where it cannot be had both are
# empty and missing.txt says why: a build never fails for its charts.
set -u
dir=$1
mkdir -p "$dir" || exit 1
if why=$(sh tests/npm_package.sh "$dir" d3 7.9.0 \
    7b5538ea354ffb0ec8badf09b7cae2d58b0f3af169838ea4f8af13a426f43fece30a48e43e757b5b37c3273307cb52e703ec23e692d3d708cef74d602d778484); then
    { printf 'd3 7.9.0\n\n' && cat "$dir/node_modules/d3/LICENSE"; } >"$dir/license.txt"
    : >"$dir/missing.txt"
    cat "$dir/node_modules/d3/dist/d3.min.js" >"$dir/plot.js"
else
    echo "  note: the report will have no charts: $why (make charts tries again)"
    printf '%s' "$why" >"$dir/missing.txt"
    : >"$dir/license.txt"
    : >"$dir/plot.js"
fi
