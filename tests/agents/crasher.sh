#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# crasher.sh: an agent that dies in the middle of a change: by a signal, or (crasher.sh CODE) with an exit code.
echo '/* half a change' >>kernel/kernel.c
echo "HYPOTHESIS: never meant"
[ -z "${1-}" ] || exit "$1"
kill -SEGV $$
