#!/usr/bin/env bash
# Tests the C++ binding: run.sh [TEST]
#
# Each test is a program that ends with 0; it is run plainly, and under AddressSanitizer, which
# also tells what is never freed. Needs build/libhermes.so.2. Builds the programs that the
# tests with other languages use too. As nearly all of the time is the compiler's, all that is to
# be compiled is compiled first, on all processors; then the tests run one after another.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
out=$root/build/bindings/cpp
only=${1:-}
patience=600 # seconds for any one test, as a guard against hanging
at_once=$(nproc)

cxx=${CXX:-c++}
strict=(-Wall -Wextra -pedantic -Wconversion -Wshadow -Werror)
paths=("-I$root/include" "-I$root/bindings/cpp")
# Warnings of the optimizer come from the plain programs, so these are compiled fast.
asan=(-O0 -g1 -fsanitize=address -fno-omit-frame-pointer)
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1
export LSAN_OPTIONS="suppressions=$root/capi/tests/leaks.supp:print_suppressions=0"

mkdir -p "$out/log"

step() { # NAME COMMAND...: runs it, and shows its output if it fails
    local name=$1 log=$out/log/$BASHPID code
    shift
    if "$@" >"$log" 2>&1; then
        printf '%-52sok\n' "$name"
        sed -n '/^  /p' "$log" # figures, where a test has some
    else
        code=$?
        printf '%-52sfailed (%s)\n' "$name" "$code"
        cat "$log" >&2
        return 1
    fi
}

begin() { # NAME COMMAND...: a step that runs while others do, as many at once as there are processors
    while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n || exit 1; done
    step "$@" &
}

finish() { # waits for what has begun
    local job
    for job in $(jobs -p); do wait "$job" || exit 1; done
}

compile() { # SOURCE PROGRAM FLAGS...: against the library in build, whose names are stripped
    compile_against "$root/build" "$@" -O1
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

wanted() { [ -z "$only" ] || [ "$only" = "$1" ]; }

compile_test() { # TEST STANDARD FLAGS...: plainly
    wanted "$1" || return 0
    begin "$1, $2 compiles" compile "$here/$1.cpp" "$1-$2" "-std=$2" "${@:3}"
}

compile_asan() { # TEST FLAGS...: the same under AddressSanitizer
    wanted "$1" || return 0
    begin "$1 compiles for AddressSanitizer" compile_against "$out/named" "$here/$1.cpp" \
        "$1-asan" -std=c++17 "${asan[@]}" "${@:2}"
}

run() { # TEST KIND
    wanted "$1" || return 0
    step "$1, $2" timeout $patience "$out/$1-$2"
}

# Each function of hermes.h must be wrapped. Exceptions: Python's marshal format has no use
# in C++, event loops in C++ wait for fd(), and calls are quick.
wraps_everything() {
    local name missing=0
    while read -r name; do
        [[ $name != *_marshal && $name != hermes_pipe && $name != hermes_batch_memory ]] || continue
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

bare=-DHERMES_NO_JSON # and so most of the tests also show that nothing needs it
if [ -z "$only" ]; then
    step "hermes.hpp uses every function" wraps_everything
    begin "the headers stand alone, and in two places" alone_and_twice
    for program in examples/peaks tests/echo; do
        begin "$program compiles" compile "$root/bindings/cpp/$program.cpp" "$(basename $program)" -std=c++17
    done
fi
# The linker needs the library that has names, so it comes first.
begin "the library, with names" named_library
for test in exchange errors closing; do compile_test $test c++17 $bare; done
compile_test exchange c++20 $bare
compile_test records c++17
finish
for test in exchange errors closing; do compile_asan $test $bare; done
compile_asan records
compile_asan slots -O1 # there is no plain one
finish

for test in exchange errors closing records; do
    run $test c++17
    run $test asan
done
run slots asan
run exchange c++20

echo "The C++ binding is as it should be."
