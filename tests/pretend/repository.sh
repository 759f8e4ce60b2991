#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# repository.sh DIR: a small repository for ratchet-pretend: what the ratchet looks for, and a kernel whose
# time depends on three numbers (tests/pretend/pretend_judge.c says how; defaults: 2.13 times the optimum).
set -eu
mkdir -p "$1/kernel" "$1/judge" "$1/reference"
cd "$1"
printf '/* the contract */\n' >kernel/kernel.h
printf '#include "tunables.inc"\nint kernel_fn;\n' >kernel/kernel.c
cat >kernel/tunables.inc <<'TUNABLES'
TUNABLE(TILE_ROWS, 4, 1, 64); /* rows of a tile. PRETEND best 16 steep 0.05 of gemm */
TUNABLE(TILE_COLUMNS, 64, 1, 64); /* columns of a tile. PRETEND best 8 steep 0.05 of gemm */
TUNABLE(PREFETCH, 4096, 64, 8192); /* bytes read ahead. PRETEND best 1536 steep 0.08 of gemv */
TUNABLES
printf -- '-O3\n' >judge/kernel.flags
printf 'int judge;\n' >judge/judge.c
printf 'int oracle;\n' >reference/oracle.c
printf 'AGENTS\n' >AGENTS.md
git init -q -b main
git config user.name Tester
git config user.email tester@localhost
git add -A
git commit -q -m first
