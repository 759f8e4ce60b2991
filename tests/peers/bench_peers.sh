#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench_peers.sh PROGRAM [OPTION...]: fetch npm's prebuilt llama.cpp once and run PROGRAM beside it.
# Skips with a reason (exit 0) where the package cannot be had. OUT=FILE keeps the text.
set -u
package=@node-llama-cpp/linux-x64
version=3.22.1
program=$1
shift
scratch=${PAWL_PEERS:-build/peers}
libraries=$scratch/node_modules/$package/bins/linux-x64

skip() {
    echo "bench-peers: skipped: $1"
    exit 0
}

[ "$(uname -sm)" = "Linux x86_64" ] || skip "$package is for x86-64 Linux"
if ! grep -qs "\"version\": \"$version\"" "$scratch/node_modules/$package/package.json"; then
    command -v npm >/dev/null || skip "npm is not installed"
    mkdir -p "$scratch"
    timeout 300 npm install --ignore-scripts --no-save --no-audit --no-fund --prefix "$scratch" \
        "$package@$version" >"$scratch/npm.log" 2>&1 ||
        skip "npm cannot fetch $package@$version (see $scratch/npm.log)"
fi
[ -e "$libraries/libllama.v0.5.0.so" ] || skip "$package@$version holds no libllama.v0.5.0.so"
out=${OUT:-$scratch/bench-peers.txt}
status=$scratch/status
{
    "$program" --libraries "$libraries" --model "$scratch/tinyllama-random-q4_k_m.gguf" "$@"
    echo $? >"$status"
} | tee "$out"
exit "$(cat "$status")"
