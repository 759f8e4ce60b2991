#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# problem_check.sh DIR: may the judge be linked with the problem in DIR? Says what is missing, and the remedy.
# Run from the top of the source tree.
set -eu
p=$1
refuse() {
    echo "problem $p: $1" >&2
    exit 1
}
for file in kernel/kernel.c kernel/kernel.h judge/kernel.flags judge/PAWL; do
    [ -f "$p/$file" ] || refuse "$file is missing; ratchet init $p"
done
grep -qs 'problem_shipped' "$p"/reference/*.c ||
    refuse "no reference/*.c defines problem_shipped; ratchet init $p"
cmp -s "$p/kernel/kernel.h" kernel/kernel.h ||
    refuse "kernel/kernel.h is not this Pawl's; ratchet init --reseal $p, and commit"
[ "$(cat "$p/judge/PAWL")" = "$(sh judge/hash.sh --shared)" ] ||
    refuse "judge/PAWL names another judge than this Pawl's; ratchet init --reseal $p, and commit"
