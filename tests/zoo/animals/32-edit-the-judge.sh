#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# row: 32
# attack: edit judge, reference, contract, ledger, hooks
# stage: command
# expect: REFUSED
#
# 32-edit-the-judge.sh BIN_DIR SCRATCH attack|twin: in a throw-away repository of this tree, each of
# the edits must be refused before anything is built, by a sentence that names the file. The twin's
# edit is in the kernel, with an untracked note beside it; planted hooks must not run.
set -eu
bin=$1 scratch=$2/$3 role=$3
mkdir "$scratch"
export HOME="$scratch" XDG_STATE_HOME="$scratch/state" GIT_CONFIG_NOSYSTEM=1

mkdir "$scratch/tree"
git ls-files -co --exclude-standard -z | xargs -0 tar cf - 2>/dev/null | tar xf - -C "$scratch/tree"
cd "$scratch/tree"
rm -f ledger/results.tsv # its rows belong to a history that stays behind
git init -q -b main .
git config user.name "Pawl zoo"
git config user.email "zoo@localhost"
git add -A
git commit -qm "zoo: the tree as it is"
for hook in pre-commit post-commit reference-transaction post-checkout; do
    printf '#!/bin/sh\ntouch "%s/hook-ran"\n' "$scratch" >".git/hooks/$hook"
    chmod +x ".git/hooks/$hook"
done

# refused NAME: the try must fail, and say NAME.
refused() {
    echo "/* a comment in the kernel */" >>kernel/kernel.c
    if "$bin/ratchet" try -m "zoo: $1" >"$scratch/out" 2>&1; then
        echo "FAIL an edit of $1 was tried"
        exit 0
    fi
    if ! grep -q "$1" "$scratch/out" || grep -q '^experiment' "$scratch/out"; then
        echo "FAIL $1 is not named: $(tail -n 1 "$scratch/out")"
        exit 0
    fi
    git checkout -q -- . 2>/dev/null
    git clean -qfd
    rm -f "$scratch/hook-ran"
}

if [ "$role" = attack ]; then
    for file in judge/rule/rule.h reference/inference/tolerance.h kernel/kernel.h judge/kernel.flags \
        ledger/chain.c ratchet/try/try.c Makefile; do
        echo "/* lenient */" >>"$file"
        refused "$file"
    done
    echo "static int lenient;" >judge/rule/lenient.c
    refused judge/rule/lenient.c
    echo "REFUSED every edit outside of the mutable set"
else
    echo "a note" >note.txt
    echo "/* a comment in the kernel */" >>kernel/kernel.c
    "$bin/ratchet" try -m "zoo: a comment" >"$scratch/out" 2>&1 || true
    if [ -e "$scratch/hook-ran" ]; then
        echo "HOOK a planted hook was run"
    elif grep -q 'SAME_CODE' "$scratch/out"; then
        echo "passes"
    else
        echo "FAIL $(tail -n 1 "$scratch/out")"
    fi
fi
