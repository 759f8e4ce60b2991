#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The judge hash: SHA-256 of the lines "<sha256>  <path>" of every sealed file, sorted by path; prose
# (*.md) is not sealed. Run from the top of the source tree, or of another problem's folder.
#   --list           prints the paths
#   --shared         hashes what is the same for every problem: the shipped one is left out
#   --source DIR C   writes the hash of DIR to C as the judge's constant; C is left alone when it holds it
set -eu
list() {
    find "$@" -type f ! -name '*~' ! -name '.*' ! -name '*.md' | LC_ALL=C sort
}
digest() {
    xargs sha256sum | sha256sum | cut -d' ' -f1
}
sealed="judge reference kernel/kernel.h"
# shellcheck disable=SC2086
case "${1-}" in
--list) list $sealed ;;
--shared) list judge reference/base reference/problem reference/problem.h kernel/kernel.h | digest ;;
--source)
    hash=$(cd "$2" && list $sealed | digest)
    line="const char judge_hash[SHA256_HEX] = \"$hash\";"
    grep -qsF "$line" "$3" || printf '#include "judge/judge.h"\n\n%s\n' "$line" >"$3"
    ;;
*) list $sealed | digest ;;
esac
