#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# silent.sh: an agent that changes something and says nothing, or (silent.sh words) the other way round.
[ "${1-}" = words ] && echo "HYPOTHESIS: nothing but words" && exit 0
echo "/* PRETEND time all 0.9 $$ */" >>kernel/kernel.c
