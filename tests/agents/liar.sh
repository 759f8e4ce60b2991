#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# liar.sh: an agent that claims a gain and changes only a comment, or (liar.sh slower) makes it slower.
case ${1-} in
slower) echo "/* PRETEND time all 1.5 $$ */" >>kernel/kernel.c ;;
*) echo "/* $$ */" >>kernel/kernel.c ;;
esac
echo "HYPOTHESIS: everything is twice as fast now, trust me ($$)"
