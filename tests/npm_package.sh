#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# npm_package.sh DIR NAME VERSION SHA512: unpack one package without dependencies into
# DIR/node_modules/NAME, fetched by npm and held against its digest. Where it cannot be had, print
# the reason and exit 1.
set -u
dir=$1 name=$2 version=$3 sha512=$4
place=$dir/node_modules/$name

grep -qs "\"version\": *\"$version\"" "$place/package.json" && exit 0
fail() {
    echo "$1"
    exit 1
}
command -v npm >/dev/null || fail "npm is not installed"
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM HUP
timeout 120 npm pack "$name@$version" --silent --fetch-retries=1 --pack-destination "$scratch" >/dev/null 2>&1 ||
    fail "npm could not fetch $name@$version"
echo "$sha512  $scratch/$name-$version.tgz" | sha512sum --check --status ||
    fail "$name@$version is not what it was: its SHA-512 differs"
mkdir -p "$place" && tar -xzf "$scratch/$name-$version.tgz" -C "$place" --strip-components=1 ||
    fail "$name@$version does not unpack"
