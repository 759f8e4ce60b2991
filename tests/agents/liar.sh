#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# liar.sh: an agent that claims a gain where its context wants one and changes only a comment, or (liar.sh slower)
# makes it slower.
focus=$(sed -n '/^ "focus": {/{n;s/.*: "\(.*\)",/\1/p}')
case ${1-} in
slower) echo "/* PRETEND time all 1.5 $$ */" >>kernel/kernel.c ;;
*) echo "/* $$ */" >>kernel/kernel.c ;;
esac
echo "HYPOTHESIS: $focus is twice as fast now, trust me ($$)"
