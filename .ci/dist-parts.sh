# The parts of dist: each has a name, others that it needs, and a command. One that fails, and what
# needs it, is told apart from what cannot be made here, since a tool or a compiler does not exist.
# shellcheck shell=bash

declare -A needs_of what_of command_of wanted state_of
parts=() # in the order in which they are made
failures=() absences=()

# part NAME NEEDS WHAT COMMAND...  declares a part. NEEDS are names of earlier ones; WHAT is missing without it.
part() {
    local name=$1 need
    for need in $2; do [ -n "${what_of[$need]:-}" ] || die "dist: $name needs $need, which is no earlier part"; done
    parts+=("$name")
    needs_of[$name]=$2 what_of[$name]=$3
    shift 3
    command_of[$name]=$*
}

# no_part WHAT WHY: what no command here can make.
no_part() { absences+=("$1: $2"); }

# absent WHY: ends the part that calls it, which cannot be made on this machine.
absent() {
    echo "$1"
    exit 77
}

# want [NAME...]: chooses parts, and what they need; without a name all.
want() {
    local name
    [ $# -gt 0 ] || set -- "${parts[@]}"
    for name; do
        [ -n "${what_of[$name]:-}" ] || die "dist: there is no part $name; these are: ${parts[*]}"
        [ -z "${wanted[$name]:-}" ] || continue
        wanted[$name]=yes
        # shellcheck disable=SC2086 # names of parts
        [ -z "${needs_of[$name]}" ] || want ${needs_of[$name]}
    done
}

# make_parts LOGS: makes what is wanted. Never call it in a condition: errexit would not hold in the parts.
make_parts() {
    local name
    for name in "${parts[@]}"; do
        if [ -n "${wanted[$name]:-}" ]; then make_part "$name" "$1/dist-$name.log"; fi
    done
}

make_part() { # make_part NAME LOG
    local name=$1 log=$2 begun=$SECONDS need code why command
    printf '%-28s' "$name"
    for need in ${needs_of[$name]}; do
        # Without a library that cannot be made here, packages for the other platforms can.
        case ${state_of[$need]} in
        failed) settle "$name" failed "it needs $need, which failed"; return ;;
        absent) case $name in npm | jar) ;; *) settle "$name" absent "it needs $need"; return ;; esac ;;
        esac
    done
    read -ra command <<<"${command_of[$name]}"
    set +e
    (set -euo pipefail; "${command[@]}") >"$log" 2>&1 </dev/null
    code=$?
    set -e
    why=$(grep -v '^ *$' "$log" | tail -n 1) || why="it said nothing"
    case $code in
    0)
        state_of[$name]=made
        printf 'made, %d s\n' $((SECONDS - begun))
        ;;
    77) settle "$name" absent "$why" ;;
    *)
        settle "$name" failed "$why"
        tail -n 5 "$log" | sed 's/^/    /'
        ;;
    esac
}

settle() { # settle NAME STATE WHY
    state_of[$1]=$2
    if [ "$2" = failed ]; then failures+=("${what_of[$1]}: $3"); else absences+=("${what_of[$1]}: $3"); fi
    printf '%s\n' "${2^^}"
}

# missing: prints what was not made, and why.
missing() {
    if [ ${#failures[@]} -gt 0 ]; then printf 'FAILED: %s\n' "${failures[@]}"; fi
    if [ ${#absences[@]} -gt 0 ]; then printf '%s\n' "${absences[@]}"; fi
}

all_made() { [ ${#failures[@]} = 0 ]; }
