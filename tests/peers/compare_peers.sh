#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compare_peers.sh PROGRAM ENGINE [OPTION...]: compare ENGINE with npm's prebuilt llama.cpp.
# Skips with a reason (exit 0) where the package cannot be had. OUT=FILE keeps the text.
set -u
program=$1
engine=$2
shift 2
scratch=${PAWL_PEERS:-build/peers}
libraries=$(sh "$(dirname "$0")/fetch_llama.sh") || exit 0
out=${OUT:-$scratch/compare.txt}
status=$scratch/compare-status
{
    "$program" --libraries "$libraries" --engine "$engine" --scratch "$scratch" \
        --shared "${PAWL_SHARED:-../shared}" "$@"
    echo $? >"$status"
} | tee "$out"
exit "$(cat "$status")"
