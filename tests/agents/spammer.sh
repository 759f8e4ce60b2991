#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# spammer.sh: an agent that never stops talking, or (spammer.sh same) makes the same change again and again.
if [ "${1-}" = same ]; then
    echo '/* PRETEND time all 1.01 */' >>kernel/kernel.c
    echo "HYPOTHESIS: the same as ever"
    exit 0
fi
yes "HYPOTHESIS: more and more"
