#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# gambler.sh: an agent that wins now and then, and never proposes the same twice.
[ $(($$ % 3)) = 0 ] && factor=0.95 || factor=1.05
echo "/* PRETEND time all $factor $$ $(date +%N) */" >>kernel/kernel.c
echo "HYPOTHESIS: a guess ($$)"
