#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tuner.sh: an agent for `ratchet agent --exec` that moves one TUNABLE of kernel/tunables.inc a round, by
# what its context says was tried: towards the farther end of its range as long as that wins, then the other
# way, then the next one. It has no memory of its own. TUNE="NAME ..." names the ones to move (default: all of
# them), STEP=N how far: times N or one Nth (default 2).
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
        new=$(($1 * ${STEP:-2}))
        [ "$1" -gt 0 ] || new=$(($3 / 64))
        [ "$new" -le "$3" ] || new=$3
    else
        new=$(($1 / ${STEP:-2}))
        [ "$new" -ge "$2" ] || new=$2
    fi
    echo "$new"
}

# Where VALUE may go first within LOW..HIGH: the way that has more steps.
first_way() { # VALUE LOW HIGH
    if [ $(($1 * $1)) -le $((($2 > 0 ? $2 : 1) * $3)) ]; then echo up; else echo down; fi
}
other_way() { if [ "$1" = up ]; then echo down; else echo up; fi; }

# Attempts, the newest first, as "VERDICT|NAME OLD -> NEW"; a last round that led to none counts as lost.
said=$(echo "$context" | sed -n '/^ "last": \[/,/^ \]/p' |
    sed -n 's/^ *"verdict": "\(.*\)",$/\1/p; s/^ *"hypothesis": "\(.*\)",$/\1/p' | paste -d'|' - - |
    sed -n 's/^\([A-Z_]*|\)tuner: \([A-Z0-9_]* [0-9]* -> [0-9]*\).*/\1\2/p')
lost=$(echo "$context" | sed -n '/^ "previous": {/,/^ }/p' | grep -v '"detail"' | tr '\n' ' ' |
    grep -v '"outcome": "tried"' | sed -n 's/.*"hypothesis": "tuner: \([A-Z0-9_]* [0-9]* -> [0-9]*\).*/\1/p')
[ -z "$lost" ] || said=$(printf 'NONE|%s\n%s' "$lost" "$said")

# Moves worth a thought, the best first, as "NAME WAY": on after a win, back after a loss unless a win led here,
# then those of the next names.
first=$(echo "$names" | tr ' ' '\n' | head -n 1)
others() { # NAME: the names after it and from the start again, itself last
    echo "$names $names" | tr ' ' '\n' | sed "1,/^$1\$/d" | head -n "$(echo "$names" | wc -w)"
}
moves() {
    newest=$(echo "$said" | head -n 1)
    if [ -n "$newest" ]; then
        # shellcheck disable=SC2086
        set -- "${newest%%|*}" ${newest#*|} # VERDICT NAME OLD -> NEW
        way=$([ "$5" -gt "$3" ] && echo up || echo down)
        if [ "$1" = WIN ]; then
            echo "$2 $way"
        elif [ "$way" = "$(first_way "$3" "$(field "$2" 3)" "$(field "$2" 4)")" ] &&
            ! echo "$said" | grep -q "^WIN|$2 .* -> $3\$"; then
            echo "$2 $(other_way "$way")"
        fi
        others "$2"
    else
        echo "$first"
        others "$first"
    fi
}

# The first of them that leads anywhere.
choice=$(moves | while read -r name way; do
    old=$(field "$name" 2) low=$(field "$name" 3) high=$(field "$name" 4)
    [ -n "$old" ] || { echo "tuner.sh: no TUNABLE $name in $file" >&2; continue; }
    new=$(step "$old" "$low" "$high" "${way:-$(first_way "$old" "$low" "$high")}")
    [ "$new" = "$old" ] || { echo "$name $old $new"; break; }
done)
[ -n "$choice" ] || { echo "DONE: nothing can be moved"; exit 0; }
# shellcheck disable=SC2086
set -- $choice
name=$1 old=$2 new=$3
sed -i "s/TUNABLE($name, $old,/TUNABLE($name, $new,/" $file
echo "HYPOTHESIS: tuner: $name $old -> $new"
