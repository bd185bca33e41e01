#!/usr/bin/env bash
# Tests the C++ binding: run.sh [TEST]
#
# Each test is a program that ends with 0; it is run plainly, and under AddressSanitizer, which
# also tells what is never freed. Needs build/libhermes.so.2. Builds the programs that the
# tests with other languages use too.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
out=$root/build/bindings/cpp
only=${1:-}
patience=600 # seconds for any one test, as a guard against hanging

cxx=${CXX:-c++}
strict=(-O1 -g -Wall -Wextra -pedantic -Wconversion -Wshadow -Werror)
paths=("-I$root/include" "-I$root/bindings/cpp")
asan=(-fsanitize=address -fno-omit-frame-pointer)
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1
export LSAN_OPTIONS="suppressions=$root/capi/tests/leaks.supp:print_suppressions=0"

mkdir -p "$out"

step() { # NAME COMMAND...: runs it, and shows its output if it fails
    local name=$1 code
    shift
    printf '%-52s' "$name"
    if "$@" >"$out/output" 2>&1; then
        echo ok
        sed -n '/^  /p' "$out/output" # figures, where a test has some
    else
        code=$?
        echo "failed ($code)"
        cat "$out/output" >&2
        exit 1
    fi
}

compile() { # SOURCE PROGRAM FLAGS...: against the library in build, whose names are stripped
    compile_against "$root/build" "$@"
}

compile_against() { # DIRECTORY SOURCE PROGRAM FLAGS...
    local library=("-L$1" -lhermes "-Wl,-rpath,$1" -pthread) source=$2 program=$3
    shift 3
    "$cxx" "${strict[@]}" "$@" "${paths[@]}" "$source" -o "$out/$program" "${library[@]}"
}

named_library() { # one that has names, for the leaks that are known
    "$root/capi/build.sh" --debug shared "$out/named/libhermes.so.2" &&
        ln -sf libhermes.so.2 "$out/named/libhermes.so"
}

try() { # TEST STANDARD FLAGS...: compiles a test, and runs it
    local name=$1 standard=$2
    [ -z "$only" ] || [ "$only" = "$name" ] || return 0
    shift 2
    step "$name, $standard compiles" compile "$here/$name.cpp" "$name" "-std=$standard" "$@"
    step "$name, $standard" timeout $patience "$out/$name"
}

try_asan() { # TEST FLAGS...: the same under AddressSanitizer
    local name=$1
    [ -z "$only" ] || [ "$only" = "$name" ] || return 0
    shift
    step "$name compiles for AddressSanitizer" compile_against "$out/named" "$here/$name.cpp" \
        "$name-asan" -std=c++17 "${asan[@]}" "$@"
    step "$name, AddressSanitizer" timeout $patience "$out/$name-asan"
}

# Each function of hermes.h must be wrapped. Exceptions: Python's marshal format has no use
# in C++, and event loops in C++ wait for fd().
wraps_everything() {
    local name missing=0
    while read -r name; do
        [[ $name != *_marshal && $name != hermes_pipe ]] || continue
        grep -qw "$name" "$root"/bindings/cpp/*.hpp || { echo "$name is not used"; missing=1; }
    done < <("$root/capi/exports.sh" names "$root/include/hermes.h")
    return $missing
}

alone_and_twice() {
    cat >"$out/twice.cpp" <<'END'
#include "hermes.hpp"
#include "hermes.hpp"
#include "hermes_records.hpp"
END
    cat >"$out/main.cpp" <<'END'
#include "hermes_records.hpp"
int main() { return hermes::version().empty(); }
END
    "$cxx" -std=c++17 "${strict[@]}" "${paths[@]}" "$out/twice.cpp" -c -o "$out/twice.o" &&
        compile "$out/main.cpp" main -std=c++17 "$out/twice.o" && "$out/main"
}

if [ -z "$only" ]; then
    step "hermes.hpp uses every function" wraps_everything
    step "the headers stand alone, and in two places" alone_and_twice
    for program in examples/peaks tests/echo; do
        step "$program compiles" compile "$root/bindings/cpp/$program.cpp" "$(basename $program)" -std=c++17
    done
fi

bare=-DHERMES_NO_JSON # and so most of the tests also show that nothing needs it
step "the library, with names" named_library
for test in exchange errors closing; do
    try $test c++17 $bare
    try_asan $test $bare
done
try exchange c++20 $bare
try records c++17
try_asan records

echo "The C++ binding is as it should be."
