#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# lint.sh: what a reviewer should not have to look for. Prints each finding, exits non-zero on any.
set -u
bad=0
complain() {
    bad=1
    echo "lint: $1"
    [ -z "${2-}" ] || printf '%s\n' "$2" | sed 's/^/    /'
}
need() {
    command -v "$1" >/dev/null || { echo "lint: $1 is missing; run: make deps LINT=1" >&2; exit 2; }
}
need clang-format
need ctags
need cppcheck

c_files=$(git ls-files '*.c' '*.h')

# Formatting is law outside the kernel's hand-laid .inc files.
# shellcheck disable=SC2086
out=$(clang-format --dry-run $c_files 2>&1 | grep 'warning:' | cut -d: -f1 | sort | uniq -c)
[ -z "$out" ] || complain "not formatted (run: make format)" "$out"

# Folders depend one way: folder -> what its files may include.
allowed() {
    case "$1" in
    kernel) echo '^kernel/' ;;
    reference) echo '^(kernel/kernel\.h|reference/)' ;;
    ledger) echo '^(reference/base/|ledger/)' ;;
    judge) echo '^(kernel/kernel\.h|reference/|ledger/|judge/)' ;;
    ratchet) echo '^(kernel/kernel\.h|judge/|ledger/|reference/|ratchet/)' ;;
    engine) echo '^(kernel/kernel\.h|reference/|engine/)' ;;
    esac
}
for d in kernel reference ledger judge ratchet engine; do
    out=$(grep -nE '^#include "' $(git ls-files "$d/*.c" "$d/*.h" "$d/*.inc") /dev/null |
        sed -E 's/^([^:]*:[0-9]+):#include "([^"]*)".*/\1 \2/' |
        awk -v ok="$(allowed $d)" '$2 !~ ok')
    [ -z "$out" ] || complain "$d/ includes what it must not" "$out"
done

# Every header compiles on its own.
for h in $(git ls-files '*.h'); do
    gcc -std=c11 -D_GNU_SOURCE -I. -fsyntax-only -x c "$h" 2>/dev/null ||
        complain "$h does not compile on its own"
done

# Walls: 900 lines a file (kernel .inc excepted), 100 lines a function, unique file names (other problems are
# folders of their own).
out=$(git ls-files '*.c' '*.h' '*.sh' '*.py' | xargs wc -l | awk '$2 != "total" && $1 > 900')
[ -z "$out" ] || complain "files past 900 lines" "$out"
out=$(git ls-files '*.c' '*.inc' | ctags --languages=C --langmap=C:.c.inc.h --kinds-C=f --fields=+ne -f - -L - |
    awk -F'\t' '{l = e = 0
        for (i = 4; i <= NF; i++) { if ($i ~ /^line:/) l = substr($i, 6); if ($i ~ /^end:/) e = substr($i, 5) }
        if (e - l >= 100) print $2 ": " $1 ": " e - l + 1 " lines"}')
[ -z "$out" ] || complain "functions past 100 lines" "$out"
out=$(git ls-files '*.c' '*.h' '*.inc' '*.S' ':!tests/problems/*/*' ':!ratchet/init/template' | sed 's|.*/||' | sort | uniq -d)
[ -z "$out" ] || complain "file names used twice" "$out"

# Nothing links what is GPL-only; nothing names a machine.
out=$(git grep -nIE '/(work|home|root)/[a-z]' -- . ':!tests/lint.sh' ':!LICENSE')
[ -z "$out" ] || complain "paths of a machine" "$out"
out=$(git grep -LE 'SPDX-License-Identifier: Apache-2.0' -- '*.c' '*.h' '*.inc' '*.sh' '*.S' Makefile)
[ -z "$out" ] || complain "no SPDX line" "$out"

# Bugs a compiler does not see.
# shellcheck disable=SC2046
out=$(cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
    --suppress=ctuuninitvar `# does not follow a struct filled through a pointer` \
    --suppress=missingInclude --suppress=unknownMacro --suppress=normalCheckLevelMaxBranches \
    --template='{file}:{line}: {id}: {message}' -I. $(git ls-files 'reference/*.c' 'ledger/*.c' \
    'judge/*.c' 'ratchet/*.c' 'engine/*.c') 2>&1)
[ -z "$out" ] || complain "cppcheck" "$out"

[ $bad = 0 ] && echo "lint: clean"
exit $bad
