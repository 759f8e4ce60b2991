#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fetch_llama.sh: fetch npm's prebuilt llama.cpp once and print the folder of its libraries. Where the
# package cannot be had, print the reason to stderr and exit 1. PAWL_PEERS: where to keep it.
set -u
package=@node-llama-cpp/linux-x64
version=3.22.1
scratch=${PAWL_PEERS:-build/peers}
libraries=$scratch/node_modules/$package/bins/linux-x64

skip() {
    echo "skipped: $1" >&2
    exit 1
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
echo "$libraries"
