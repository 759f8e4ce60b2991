#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deps.sh [--check | --quiet] PACKAGE...: install the Debian packages that are missing, saying so.
# --check only reports, --quiet says nothing when all are there.
set -eu
mode=install
case "$1" in
--check | --quiet) mode=${1#--} && shift ;;
esac
missing=
for p in "$@"; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -z "$missing" ]; then
    [ "$mode" = install ] && echo "deps: everything is installed"
    exit 0
fi
if [ "$mode" = check ]; then
    echo "missing packages:$missing" >&2
    echo "run: make deps" >&2
    exit 2
fi
sudo=
if [ "$(id -u)" != 0 ]; then
    sudo=sudo
    command -v sudo >/dev/null || { echo "deps: not root and no sudo; install:$missing" >&2; exit 2; }
fi
echo "deps: installing$missing"
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
