#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mcp.sh BIN_DIR SCENARIO: run one scenario of mcp_client.mjs against ratchet-pretend in a repository of
# its own. Exit 77: skipped, with the reason.
set -u
bin=$(cd "$1" && pwd)
sdk=$(sh tests/mcp/fetch_sdk.sh) || exit 77
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP
sh tests/pretend/repository.sh "$scratch/repository" || exit 1
# A judge of its own stands beside the program: measuring is not what is tested.
install -D "$bin/ratchet-pretend" "$scratch/bin/ratchet-pretend" || exit 1
install tests/mcp/pretend_judge.sh "$scratch/bin/judge" || exit 1
node tests/mcp/mcp_client.mjs "$sdk" "$scratch/bin/ratchet-pretend" "$scratch/repository" "$2"
