#!/usr/bin/env bash
# Runs the tests of the C interface on Windows, which is Wine here: run_windows.sh [TEST...]
#
# The library under test is hermes.dll in build/windows, which is built if it is not there. Each
# test is a program that zig compiles and Wine runs; it ends with 0. Below is which tests are not
# for Windows, and why. Named tests are run alone; with "short", those that need no longer than the
# build of the DLL.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/build/windows
work=$build/test-c
patience=600 # seconds for any one test, as a guard against hanging
short=(roundtrip texts arguments pipes polling gaps json loading)

declare -A absent=(
    [epoll]="epoll is of Linux; polling has what hermes_fd() promises"
    [first_use]="it is about fork(), signals and rlimits, which Windows has not; loading has the rest"
    [forking]="Windows has no fork()"
    [jsoncheck]="it tests C that is the same on all systems, which run.sh runs with a sanitizer"
    [late_load]="it is about static TLS of ELF; loading loads hermes.dll at run time"
    [limits]="Windows has no rlimits"
    [marshalrow]="as jsoncheck"
    [orphans]="it is about descriptors in forked children"
    [other_stack]="it is about capi/fast/stackbounds_linux.c"
    [panics]="it needs a library of its own, with the tag hermestest, in which run.sh runs it"
    [starved]="it replaces malloc() for the library as well, which is of ELF"
    [streams]="it closes the standard streams before a fork()"
    [thread_data]="it is a part of late_load"
)

compiler=$("$root/.ci/zig" cc x86_64-windows-gnu)
cxx=$("$root/.ci/zig" c++ x86_64-windows-gnu)
strict=(-O2 -g -Wall -Wextra -pedantic -Werror "-I$root/include")
# Formats of printf are those of the C library of Windows 10, which are those of C.
c11=(-std=gnu11 "${strict[@]}" )

mkdir -p "$work"
[ -e "$build/hermes.dll" ] || "$root/capi/build.sh" --target x86_64-windows shared "$build/hermes.dll"
cp "$build/hermes.dll" "$work/"
"$root/.ci/wine"

compile() { # NAME SOURCE FLAGS...
    local name=$1 source=$2
    shift 2
    "$compiler" "${c11[@]}" "$source" -o "$work/$name.exe" "$@" -lws2_32 -lpsapi -lpthread
}

# Shows what a step prints if it fails, and its figures. It prints to a file: processes of Wine stay
# for a while, and a pipe would have its end with theirs.
run() { # NAME PROGRAM...
    local name=$1 begun=$SECONDS code=0
    shift
    "$@" >"$work/output.$$" 2>&1 </dev/null || code=$?
    if [ $code = 0 ]; then
        printf '%-44s ok    %3d s\n' "$name" $((SECONDS - begun))
        sed -n '/^  /p' "$work/output.$$"
    else
        printf '%-44s failed (%d)\n' "$name" $code
        cat "$work/output.$$"
        failed+=("$name")
    fi
}

library_is_as_promised() {
    "$root/.ci/venv" "$root/build/venv-binaries" "$root/.ci/binaries.txt" &&
        "$root/build/venv-binaries/bin/python" "$root/.ci/binaries.py" "$build/hermes.dll"
}

# The header, as a compiler sees it that takes after Microsoft's, and with its own C library's rules.
header_compiles() { # COMPILER STANDARD LANGUAGE
    "$1" -std="$2" -x "$3" -fms-compatibility -fms-extensions "${strict[@]}" -Wno-language-extension-token "$here/header.c" \
        -x none -o "$work/header.exe" "$build/hermes.lib" && (cd "$work" && "$root/.ci/wine" header.exe)
}

failed=()
tests=("$@")
if [ "${tests[*]}" = short ]; then tests=("${short[@]}"); fi
if [ ${#tests[@]} = 0 ]; then
    for source in "$here"/*.c "$here"/windows/loading.c; do
        name=$(basename "$source" .c)
        [ "$name" = header ] || [ -n "${absent[$name]:-}" ] || tests+=("$name")
    done
    for name in "${!absent[@]}"; do
        [ -e "$here/$name.c" ] || { echo "run_windows.sh: there is no test $name to leave out" >&2; exit 1; }
        printf '%-44s not for Windows: %s\n' "$name" "${absent[$name]}"
    done | sort
    run "header as plain C" header_compiles "$compiler" c11 c
    run "header as C++" header_compiles "$cxx" c++17 c++
fi
run "exports, name and needs of the DLL" library_is_as_promised

for name in "${tests[@]}"; do
    [ "$name" != exchange ] || continue
    source=$here/$name.c library=$build/libhermes.dll.a
    arguments=()
    case $name in
    loading) source=$here/windows/loading.c library='' ;;
    million) arguments=(100000) ;; # a tenth of it
    esac
    # shellcheck disable=SC2086
    compile "$name" "$source" $library || { failed+=("$name"); continue; }
    run "$name" timeout -k 10 $patience "$root/.ci/wine" "$work/$name.exe" "${arguments[@]}"
done

# Processes of both systems, and of the package that hermes 2 replaces (make venv-old).
exchange() {
    compile peer "$here/windows/peer.c" "$build/libhermes.dll.a" || return
    "${CC:-gcc}" "${c11[@]}" "$here/windows/peer.c" -o "$work/peer" "-L$root/build" -lhermes "-Wl,-rpath,$root/build" -lpthread || return
    timeout -k 10 $patience "$("$root/.ci/python")" "$here/windows/exchange.py" "$root/.ci/wine $work/peer.exe" "$work/peer" \
        "$root/build/venv-old/bin/python"
}
if [ $# = 0 ] || [ "$1" = short ] || [ "$1" = exchange ]; then run "exchange with Linux and with 1.x" exchange; fi

if [ ${#failed[@]} -gt 0 ]; then
    printf '%d failed: %s\n' ${#failed[@]} "${failed[*]}"
    exit 1
fi
echo "The C interface is on Windows as it should be."
