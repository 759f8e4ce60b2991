#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh BIN_DIR: the whole loop once. Limits, checks, three experiments in a throw-away clone, the
# ledger, and a model that writes on the winning kernel. Ends non-zero unless all verdicts are as told.
set -eu
bin=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
started=$(date +%s)

say() {
    printf '\n\033[1m[%3ds] %s\033[0m\n' "$(($(date +%s) - started))" "$1"
}

# experiment PATCH VERDICT: apply one change in the clone, try it, insist on the verdict.
experiment() {
    say "experiment: $1 (expected: $2)"
    sed -n '1s/^# *//p' "$here/tests/demo/$1.patch"
    git -C "$scratch/clone" apply "$here/tests/demo/$1.patch"
    git -C "$scratch/clone" diff --stat
    for wait in 20 60 0; do # a moment that nobody can measure in says nothing of the change
        once "$1"
        grep -q ': UNFIT_MACHINE$' "$scratch/verdict" && [ "$wait" != 0 ] || break
        echo "the machine is busy; again in $wait s"
        sleep "$wait"
        git -C "$scratch/clone" apply "$here/tests/demo/$1.patch"
    done
    if ! grep -q "^experiment [0-9]*: $2\$" "$scratch/verdict"; then
        echo "demo: $1 should have ended as $2 (exit status was $status)" >&2
        exit 1
    fi
}

# once PATCH: try it, into $scratch/verdict and $status.
once() {
    status=0
    (cd "$scratch/clone" && "$bin/ratchet" try -m "$(sed -n '1s/^# *//p' "$here/tests/demo/$1.patch")") \
        >"$scratch/verdict" || status=$?
    cat "$scratch/verdict"
}

cd "$here"
say "1/5 the limits of this machine"
"$bin/judge" peaks

say "2/5 the shipped kernel: is it right, and where does it stand?"
"$bin/judge" check >"$scratch/check"
sed -n '1,12p' "$scratch/check"
echo "..."
tail -n 1 "$scratch/check"
"$bin/judge" roofline

say "3/5 three changes in a throw-away clone"
git clone --quiet --no-hardlinks "$here" "$scratch/clone"
git -C "$scratch/clone" config user.name "Pawl demo"
git -C "$scratch/clone" config user.email "demo@localhost"
# One step back, so that there is a win to find.
git -C "$scratch/clone" apply "$here/tests/demo/back.patch"
git -C "$scratch/clone" commit --quiet --all --message "$(sed -n '1s/^# *//p' "$here/tests/demo/back.patch")"
experiment wrong FAIL_CORRECTNESS
experiment slower LOSS
experiment faster WIN

say "4/5 the ledger"
(cd "$scratch/clone" && "$bin/ratchet" log && "$bin/ratchet" audit)

say "5/5 the winner speaks"
(cd "$scratch/clone" && make --no-print-directory B=build/demo build/demo/bin/engine >/dev/null)
"$scratch/clone/build/demo/bin/engine" run -p "In the beginning" -n 120 --temp 0.7 --seed 1
echo
say "done"
