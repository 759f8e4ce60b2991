#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# scalar_tiles.sh DIR: take the kernel of a clone back to scalar tiles for GEMV and GEMM (one column, no
# prefetch, hardly any sharing of what was decoded) and commit that, for the tuner to find its way from there:
#
#   git clone . ../tuned && sh tests/agents/scalar_tiles.sh ../tuned && cd ../tuned
#   .../ratchet agent --focus gemm --minutes 30 --plateau 0 --patience 8 \
#       --exec 'STEP=8 TUNE="AMX_LEAST COLUMNS_LEAST SWEEP_LEAST FEW_COLUMNS" sh .../tests/agents/tuner.sh'
set -eu
cd "$1"
for t in FEW_COLUMNS=1 FEW_PREFETCH=0 SWEEP_COLUMNS=8 SWEEP_LEAST=128 COLUMN_BLOCK_KIB=16 \
    COLUMNS_KIB=16 COLUMNS_LEAST=16 MATMUL_CHUNKS=1 AMX_LEAST=1024 TILE_COLUMNS=4 BLOCK_PREFETCH=0; do
    grep -q "TUNABLE(${t%=*}, [0-9]*," kernel/tunables.inc ||
        { echo "scalar_tiles.sh: kernel/tunables.inc has no ${t%=*}" >&2; exit 1; }
    sed -i "s/TUNABLE(${t%=*}, [0-9]*,/TUNABLE(${t%=*}, ${t#*=},/" kernel/tunables.inc
done
git commit -q -m "kernel: scalar tiles to tune from" kernel/tunables.inc
git log -1 --format='%h %s' && git show --format= --stat
