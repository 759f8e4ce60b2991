#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fetch_sdk.sh: fetch the protocol's official TypeScript SDK once and print its folder. Where it cannot
# be had, print the reason to stderr and exit 1. PAWL_MCP_SDK: where to keep it.
set -u
package=@modelcontextprotocol/sdk
version=1.32.2
scratch=${PAWL_MCP_SDK:-build/mcp-sdk}

skip() {
    echo "skipped: $1" >&2
    exit 1
}

command -v node >/dev/null || skip "node is not installed (Debian: nodejs npm)"
mkdir -p "$scratch"
exec 9>"$scratch/lock"
flock 9 # tests run side by side
if ! grep -qs "\"version\": \"$version\"" "$scratch/node_modules/$package/package.json"; then
    command -v npm >/dev/null || skip "npm is not installed (Debian: nodejs npm)"
    timeout 300 npm install --ignore-scripts --no-save --no-audit --no-fund --prefix "$scratch" \
        "$package@$version" >"$scratch/npm.log" 2>&1 ||
        skip "npm cannot fetch $package@$version (see $scratch/npm.log)"
fi
cd "$scratch" && pwd
