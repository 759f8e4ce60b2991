#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# loop.sh BIN_DIR [PROBLEM...]: the whole loop for problems that are not ours, each in a repository of its own:
# the examples beside this script, and the template of `ratchet init`. A wrong kernel must fail, a comment be
# the same code, a faster kernel win and its undoing lose; the audit must pass. Then the objects of judge, ratchet
# and ledger, and their sources, must be what they were. Some three minutes each.
set -eu
bin=$(cd "$1" && pwd -P)
shift
here=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP

digests() {
    (cd "$here" && git ls-files judge ratchet ledger | xargs sha256sum | sha256sum)
    (cd "$bin/.." && find judge ratchet ledger -name '*.o' | LC_ALL=C sort | xargs sha256sum | sha256sum)
}

# passes COMMAND...: of the ratchet, with what it prints in $scratch/out
passes() {
    "$bin/ratchet" --problem . "$@" >"$scratch/out" 2>"$scratch/progress" && return
    cat "$scratch/out" "$scratch/progress" >&2
    exit 1
}

# experiment VERDICT HYPOTHESIS: try the working tree's change and insist on the verdict; where the machine is
# unfit, wait for it.
experiment() {
    cp kernel/kernel.c "$scratch/change.c"
    for wait in 20 40 60 80 0; do
        "$bin/ratchet" --problem . try -m "$2" >"$scratch/verdict" 2>"$scratch/progress" || true
        sed -n '1p; /^  faster/p; /^  saw/p' "$scratch/verdict"
        grep -q '^experiment [0-9]*: UNFIT_MACHINE$' "$scratch/verdict" || break
        sleep $wait
        cp "$scratch/change.c" kernel/kernel.c
    done
    if ! grep -q "^experiment [0-9]*: $1\$" "$scratch/verdict"; then
        echo "loop: should have ended as $1" >&2
        cat "$scratch/verdict" "$scratch/progress" >&2
        exit 1
    fi
}

# change PATCH VERDICT
change() {
    git apply "$here/tests/problems/$problem/$1.patch"
    experiment "$2" "$(sed -n '1s/^# *//p' "$here/tests/problems/$problem/$1.patch")"
}

# the loop for $problem, in a repository that holds nothing else
loop() {
    echo "== $problem"
    mkdir "$scratch/$problem"
    cd "$scratch/$problem"
    git init --quiet -b main
    git config user.name "Pawl problems"
    git config user.email "problems@localhost"
    for part in kernel reference; do
        [ ! -d "$here/tests/problems/$problem/$part" ] || cp -r "$here/tests/problems/$problem/$part" .
    done
    "$bin/ratchet" init >"$scratch/init"
    git add --all
    git commit --quiet -m "a ratchet for $problem"
    cp kernel/kernel.c "$scratch/first.c"
    passes judge check
    tail -n 1 "$scratch/out"
    change wrong FAIL_CORRECTNESS
    echo '/* nothing new */' >>kernel/kernel.c
    experiment SAME_CODE "a comment"
    change faster WIN
    cp "$scratch/first.c" kernel/kernel.c
    experiment LOSS "the kernel as it was"
    passes audit
    head -n 1 "$scratch/out"
}

before=$(digests)
[ $# -gt 0 ] || set -- rms_norm softmax rope template
for problem in "$@"; do
    loop
done
[ "$before" = "$(digests)" ] || {
    echo "loop: judge, ratchet or ledger changed on the way" >&2
    exit 1
}
echo "loop: all verdicts as told; judge, ratchet and ledger unchanged"
