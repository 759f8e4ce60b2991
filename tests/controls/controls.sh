#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# controls.sh BIN_DIR [N]: experiments whose answer is known, in a throw-away clone. N experiments of the
# same work in other object code (dead padding among the functions, moved alignment) must never win, and
# a twentieth more work must lose. Ends non-zero otherwise. About 40 s each.
set -eu
bin=$(cd "$1" && pwd)
n=${2:-20}
here=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT INT TERM
git clone --quiet --no-hardlinks "$here" "$scratch/clone"
cd "$scratch/clone"
git config user.name "Pawl controls"
git config user.email "controls@localhost"

# same_work I: other object code that does the same.
same_work() {
    if [ $(($1 % 2)) = 0 ]; then
        printf '\n__attribute__((used, noinline)) static int control_padding(int x)\n{\n    ' >>kernel/kernel.c
        j=0
        while [ $j -le "$1" ]; do
            printf 'x = x * %d + (x >> %d);\n    ' $((j * 7 + 3)) $((j % 13 + 1)) >>kernel/kernel.c
            j=$((j + 1))
        done
        printf 'return x;\n}\n' >>kernel/kernel.c
    else
        align=$((32 << ($1 / 2 % 4)))
        sed -i "s/^static void whole_rows(/__attribute__((aligned($align))) &/; \
            s/^static void matmul(/__attribute__((aligned($align))) &/; \
            s/^static void attention(/__attribute__((aligned($align))) &/" kernel/*.inc
        printf '\nstatic const char control_mark[] __attribute__((used)) = "%d";\n' "$1" >>kernel/kernel.c
    fi
}

# experiment HYPOTHESIS: prints the verdict of the working tree's change.
experiment() {
    "$bin/ratchet" try -m "$1" >"$scratch/out" 2>"$scratch/progress" || true
    sed -n '1s/.*: //p' "$scratch/out"
    sed -n 's/^  faster  *//p' "$scratch/out"
}

wins=0
i=1
while [ "$i" -le "$n" ]; do
    same_work "$i"
    verdict=$(experiment "control $i: same work, other object code" | paste -sd' ')
    echo "A/A $i: $verdict"
    case "$verdict" in
    WIN*) wins=$((wins + 1)) ;;
    esac
    git checkout --quiet -- kernel
    i=$((i + 1))
done
git apply "$here/tests/controls/slower5.patch"
verdict=$(experiment "control: a twentieth of every operation twice" | paste -sd' ')
echo "+5 % work: $verdict"
echo "controls: $wins of $n A/A experiments won"
[ "$wins" = 0 ] || exit 1
case "$verdict" in LOSS*) ;; *) exit 1 ;; esac
