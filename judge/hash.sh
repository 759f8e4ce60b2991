#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The judge hash: SHA-256 of the lines "<sha256>  <path>" of every sealed file, sorted by path; prose
# (*.md) is not sealed.
# --list prints the paths. Run from the top of the source tree.
set -eu
list() {
    find judge reference kernel/kernel.h -type f ! -name '*~' ! -name '.*' ! -name '*.md' | LC_ALL=C sort
}
case "${1-}" in
--list) list ;;
*) list | xargs sha256sum | sha256sum | cut -d' ' -f1 ;;
esac
