#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# patient.sh: an agent that thinks until somebody else has won (a minute at most), and then moves TILE_ROWS.
head=${PAWL_CONTEXT%/pawl/agents/*}/refs/heads/main
before=$(cat "$head")
for _ in $(seq 600); do
    [ "$(cat "$head")" = "$before" ] || break
    sleep 0.1
done
sed -i 's/TILE_ROWS, 4,/TILE_ROWS, 8,/' kernel/tunables.inc
echo "HYPOTHESIS: more rows share a tile"
