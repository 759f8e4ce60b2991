#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# real.sh BIN_DIR: a client of the protocol's own SDK drives the real judge: one check that fails, one
# experiment to a WIN and one to a LOSS, in a throw-away clone that starts one step behind (as the demo's).
# Some minutes; the machine to itself.
set -eu
bin=$(cd "$1" && pwd)
sdk=$(sh tests/mcp/fetch_sdk.sh)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
git -c advice.detachedHead=false clone --quiet --no-hardlinks . "$scratch/clone"
git -C "$scratch/clone" switch --quiet --force-create real # whatever is checked out here
git -C "$scratch/clone" config user.name "Pawl demo"
git -C "$scratch/clone" config user.email "demo@localhost"
git -C "$scratch/clone" apply "$PWD/tests/demo/back.patch"
git -C "$scratch/clone" commit --quiet --all --message "$(sed -n '1s/^# *//p' tests/demo/back.patch)"
node tests/mcp/mcp_client.mjs "$sdk" "$bin/ratchet" "$scratch/clone" real
