#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bench_peers.sh PROGRAM [OPTION...]: run PROGRAM beside npm's prebuilt llama.cpp.
# Skips with a reason (exit 0) where the package cannot be had. OUT=FILE keeps the text.
set -u
program=$1
shift
scratch=${PAWL_PEERS:-build/peers}
libraries=$(sh "$(dirname "$0")/fetch_llama.sh") || exit 0
out=${OUT:-$scratch/bench-peers.txt}
status=$scratch/status
{
    "$program" --libraries "$libraries" --model "$scratch/tinyllama-random-q4_k_m.gguf" "$@"
    echo $? >"$status"
} | tee "$out"
exit "$(cat "$status")"
