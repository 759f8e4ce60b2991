#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# vandal.sh WHAT: an agent that leaves what no compiler takes: a `folder` with a source's name, a `name` that is too
# long, or so many files (`many`) that those of HEAD which it removed do not fit in beside them.
case $1 in
folder) mkdir kernel/x.inc ;;
name) : >"kernel/$(printf %0250d 7).inc" ;;
many)
    rm kernel/*.c kernel/*.inc
    for i in $(seq 63); do : >"kernel/f$i.inc"; done
    ;;
esac
echo "/* PRETEND time all 0.9 $$ */" >>kernel/kernel.c
echo "HYPOTHESIS: it should be faster"
