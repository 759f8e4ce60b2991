#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# controls.sh BIN_DIR [N]: experiments whose answer is known, from the change of a source file to the verdict
# of `ratchet try`, in a throw-away clone. N experiments of the same work in other object code (dead padding
# among the functions, moved alignment) must be judged and never win, and a twentieth more work must lose.
# With DISTURBED=1 in the environment another process burns one core for two seconds in four meanwhile: then
# nothing may win either, and every verdict must say that the machine was disturbed. Ends non-zero otherwise.
# About 40 s each. (`judge calibrate` asks the same of the judge alone, on one build.)
set -eu
bin=$(cd "$1" && pwd)
n=${2:-20}
disturbed=${DISTURBED:-}
here=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
burner=
clean_up() {
    [ -z "$burner" ] || kill "$burner" 2>/dev/null || true
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP
git clone --quiet --no-hardlinks "$here" "$scratch/clone"
cd "$scratch/clone"
git config user.name "Pawl controls"
git config user.email "controls@localhost"

# burn: one core, on and off; what is left of it after the end lives for two seconds at most.
burn() {
    while :; do
        timeout 2 sh -c 'while :; do :; done' || true
        sleep 2
    done
}

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

# experiment HYPOTHESIS: sets $verdict to what `ratchet try` says of the working tree's change, or to UNJUDGED
# when it could not say anything, and prints it with the estimate.
experiment() {
    code=0
    "$bin/ratchet" try -m "$1" >"$scratch/out" 2>"$scratch/progress" || code=$?
    verdict=$(sed -n '1s/.*: //p' "$scratch/out")
    if [ -z "$verdict" ] || { [ "$code" = 3 ] && [ "$verdict" != UNFIT_MACHINE ]; }; then
        verdict=UNJUDGED
        grep '^  saw' "$scratch/out" || tail -n 1 "$scratch/progress"
    fi
    echo "$1: $verdict $(sed -n 's/^  faster  *//p; s/^  disturbed  */; disturbed /p' "$scratch/out" | paste -sd' ')"
}

says_disturbed() {
    [ -z "$disturbed" ] || grep -q '^  disturbed' "$scratch/out"
}

if [ -n "$disturbed" ]; then
    burn >/dev/null 2>&1 &
    burner=$!
fi
wins=0
unjudged=0
unfit=0
silent=0
i=1
while [ "$i" -le "$n" ]; do
    same_work "$i"
    experiment "A/A $i: same work, other object code"
    case "$verdict" in
    WIN) wins=$((wins + 1)) ;;
    LOSS | INCONCLUSIVE) says_disturbed || silent=$((silent + 1)) ;;
    UNFIT_MACHINE) unfit=$((unfit + 1)) ;;
    *) unjudged=$((unjudged + 1)) ;;
    esac
    git checkout --quiet -- kernel
    i=$((i + 1))
done
git apply "$here/tests/controls/slower5.patch"
experiment "a twentieth of every operation twice"
echo "controls: $wins of $n A/A experiments won, $unjudged were not judged, $unfit found the machine unfit"
[ -z "$disturbed" ] || echo "controls: $silent verdicts did not say that the machine was disturbed"
[ "$wins" = 0 ] && [ "$unjudged" = 0 ] && [ "$silent" = 0 ] || exit 1
[ "$unfit" -lt "$n" ] || exit 1 # nothing was shown
case "${disturbed:+disturbed }$verdict" in
LOSS | "disturbed LOSS" | "disturbed INCONCLUSIVE" | "disturbed UNFIT_MACHINE") ;;
*) exit 1 ;;
esac
