#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# endless.sh DIGITS: an agent that never ends, minds no SIGTERM, and leaves children who have left its session,
# its parents and its environment behind; `sleep 1000.DIGITS` is how they are found.
trap '' TERM HUP INT
(setsid env -i /bin/sh -c "trap '' TERM; sleep 1000.$1 & sleep 1000.$1" &) >/dev/null 2>&1
echo "HYPOTHESIS: it will come to an end"
while :; do sleep "1000.$1"; done
