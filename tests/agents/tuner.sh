#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tuner.sh: an agent for `ratchet agent --exec` that moves one TUNABLE of kernel/tunables.inc a round, by
# what its context says was tried: doubled as long as that wins, then halved, then the next one. It has no
# memory of its own. TUNE="NAME ..." names the ones to move (default: all of them).
set -eu
context=$(cat)
file=kernel/tunables.inc
all=$(tr '\n' ' ' <$file | tr -s ' ' |
    grep -o 'TUNABLE([A-Z0-9_]*, [0-9]*, [0-9]*, [0-9]*)' | sed 's/TUNABLE(//; s/[,)]//g' | tr ' ' ':')
names=${TUNE:-$(echo "$all" | cut -d: -f1)}

# Of NAME: its value, lowest and highest.
field() { echo "$all" | grep "^$1:" | cut -d: -f"$2"; }

# The value one step from VALUE up or down, within LOW..HIGH. 0 often means off: a 64th of the range is on.
step() { # VALUE LOW HIGH DIRECTION
    if [ "$4" = up ]; then
        new=$(($1 * 2))
        [ "$1" -gt 0 ] || new=$(($3 / 64))
        [ "$new" -le "$3" ] || new=$3
    else
        new=$(($1 / 2))
        [ "$new" -ge "$2" ] || new=$2
    fi
    echo "$new"
}

# Attempts, the newest first, as "VERDICT|NAME OLD -> NEW"; a last round that led to none counts as lost.
said=$(echo "$context" | sed -n '/^ "last": \[/,/^ \]/p' |
    sed -n 's/^ *"verdict": "\(.*\)",$/\1/p; s/^ *"hypothesis": "\(.*\)",$/\1/p' | paste -d'|' - - |
    sed -n 's/^\([A-Z_]*|\)tuner: \([A-Z0-9_]* [0-9]* -> [0-9]*\).*/\1\2/p')
lost=$(echo "$context" | sed -n '/^ "previous": {/,/^ }/p' | grep -v '"detail"' | tr '\n' ' ' |
    grep -v '"outcome": "tried"' | sed -n 's/.*"hypothesis": "tuner: \([A-Z0-9_]* [0-9]* -> [0-9]*\).*/\1/p')
[ -z "$lost" ] || said=$(printf 'NONE|%s\n%s' "$lost" "$said")

# Where that leaves us.
name=$(echo "$names" | tr ' ' '\n' | head -n 1)
direction=up
newest=$(echo "$said" | head -n 1)
if [ -n "$newest" ]; then
    verdict=${newest%%|*}
    # shellcheck disable=SC2086
    set -- ${newest#*|}
    name=$1
    [ "$4" -gt "$2" ] || direction=down
    if [ "$verdict" != WIN ]; then
        # where it came from by a win there is nothing to go back to
        if [ $direction = up ] && ! echo "$said" | grep -q "^WIN|$1 .* -> $2\$"; then
            direction=down
        else
            name=
        fi
    fi
fi
after() { echo "$names" | tr ' ' '\n' | grep -x -A 1 "$1" | sed -n 2p; }
if [ -z "$name" ]; then
    name=$(after "$1")
    direction=up
fi

# The next step that leads anywhere.
tries=$(($(echo "$names" | wc -w) * 2 + 2))
while [ $tries -gt 0 ]; do
    [ -n "$name" ] || name=$(echo "$names" | tr ' ' '\n' | head -n 1)
    old=$(field "$name" 2)
    [ -n "$old" ] || { echo "tuner.sh: no TUNABLE $name in $file" >&2; exit 1; }
    new=$(step "$old" "$(field "$name" 3)" "$(field "$name" 4)" $direction)
    [ "$new" = "$old" ] || break
    if [ $direction = up ]; then
        direction=down
    else
        name=$(after "$name")
        direction=up
    fi
    tries=$((tries - 1))
done
[ $tries -gt 0 ] || { echo "DONE: nothing can be moved"; exit 0; }
sed -i "s/TUNABLE($name, $old,/TUNABLE($name, $new,/" $file
echo "HYPOTHESIS: tuner: $name $old -> $new"
