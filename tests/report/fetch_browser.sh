#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fetch_browser.sh DIR: what drives headless Chromium, into DIR/node_modules: playwright-core and
# axe-core; print where Chromium is. Where one of these cannot be had, print the reason and exit 1.
set -u
chromium=$(command -v chromium) || { echo "chromium is not installed (make deps BROWSER=1)"; exit 1; }
command -v node >/dev/null || { echo "node is not installed"; exit 1; }
sh tests/npm_package.sh "$1" playwright-core 1.65.1 \
    86a3e9cfb6e548c3f1595768784d728814b35ec2a254e77693e9230af994cb00f618f3b60ddf477dc5a7abd34dd061db3590c5819f497c116bf97e7f04ba34ab &&
    sh tests/npm_package.sh "$1" axe-core 4.14.1 \
        1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5 &&
    echo "$chromium"
