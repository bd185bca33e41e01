#!/usr/bin/env bash
# Runs the tests of the C interface with musl: run_musl.sh [TEST...]
#
# Each test is a static program of musl, which zig compiles and links with libhermes.a in
# build/musl, and which runs on any Linux. "loading" is dynamic: it needs libhermes.so.2 in
# build/musl, and musl's loader. A test ends with 0. Below is which tests are not for musl, and why.
# Named tests are run alone; with "short", those that need a few seconds and no loader.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/musl
work=$build/test-c
patience=600 # seconds for any one test, as a guard against hanging
short=(roundtrip texts arguments closing)

declare -A absent=(
    [late_load]="dlopen() does not load the library there, which loading shows"
    [orphans]="one of its cases is a post office with the engine libzmq"
    [other_stack]="musl has no makecontext()"
    [panics]="it needs a library of its own, with the tag hermestest, in which run.sh runs it"
    [starved]="it calls the malloc() that glibc has beneath its own"
    [streams]="it assigns to stderr, which glibc allows"
    [thread_data]="it is a part of late_load"
)

compiler=$("$root/.ci/zig" cc "$(uname -m)-linux-musl")
strict=(-std=gnu11 -O1 -g -Wall -Wextra -pedantic -Werror "-I$root/include" "-I$here")

mkdir -p "$work"

# Shows what a step prints if it fails, and its figures.
run() { # NAME COMMAND...
    local name=$1 begun=$SECONDS code=0
    shift
    "$@" >"$work/output" 2>&1 </dev/null || code=$?
    if [ $code = 0 ]; then
        printf '%-44s ok    %3d s\n' "$name" $((SECONDS - begun))
        sed -n '/^  /p' "$work/output"
    else
        printf '%-44s failed (%d)\n' "$name" $code
        cat "$work/output"
        failed+=("$name")
    fi
}

static() { # NAME [ARGUMENT...]: compiles a test and runs it
    local name=$1 sources=("$here/$1.c")
    shift
    case $name in
    jsoncheck | marshalrow) sources+=("$root"/capi/fast/{jsoncheck,template,marshalrow}.c) ;;
    esac
    "$compiler" -static "${strict[@]}" "${sources[@]}" -o "$work/$name" "$build/libhermes.a" -lpthread &&
        timeout -k 10 $patience "$work/$name" "$@"
}

loading() {
    local source=$here/musl/loading.c library=$build/libhermes.so.2
    "$compiler" -dynamic "${strict[@]}" "$source" -o "$work/loading" || return
    "$compiler" -dynamic "${strict[@]}" -DLINKED "$source" -o "$work/linked" "$library" "-Wl,-rpath,$build" || return
    echo "dlopen() is refused"
    timeout -k 10 $patience "$work/loading" "$library" refused || return
    echo "dlopen() of what LD_PRELOAD has loaded"
    # env sets it last: timeout itself is of glibc.
    timeout -k 10 $patience env LD_PRELOAD="$library" "$work/loading" "$library" works || return
    echo "linked with the library"
    timeout -k 10 $patience "$work/linked" "$library"
}

failed=()
tests=("$@")
if [ "${tests[*]}" = short ]; then tests=("${short[@]}"); fi
if [ ${#tests[@]} = 0 ]; then
    for source in "$here"/*.c "$here"/musl/loading.c; do
        name=$(basename "$source" .c)
        [ "$name" = header ] || [ -n "${absent[$name]:-}" ] || tests+=("$name")
    done
    for name in "${!absent[@]}"; do
        [ -e "$here/$name.c" ] || { echo "run_musl.sh: there is no test $name to leave out" >&2; exit 1; }
        printf '%-44s not for musl: %s\n' "$name" "${absent[$name]}"
    done | sort
fi

for name in "${tests[@]}"; do
    case $name in
    loading) run "$name" loading ;;
    million) run "$name" static million 100000 ;; # a tenth of it
    *) run "$name" static "$name" ;;
    esac
done

if [ ${#failed[@]} -gt 0 ]; then
    printf '%d failed: %s\n' ${#failed[@]} "${failed[*]}"
    exit 1
fi
echo "The C interface is with musl as it should be."
