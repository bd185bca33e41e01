#!/bin/sh
# Runs the tests of the C interface: run.sh [BUILD_DIRECTORY]
#
# Each test is a C program that ends with 0, run plainly and under AddressSanitizer.
# The library under test is BUILD_DIRECTORY/libhermes.so.2; its variants for the
# sanitizers, and the static one, are built here. A test's name as the second
# argument runs that one alone.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=${1:-$root/build}
only=${2:-}
mkdir -p "$build"
build=$(cd "$build" && pwd)
work=$build/test-c
cc=${CC:-gcc} cxx=${CXX:-g++}
strict="-O1 -g -Wall -Wextra -pedantic -Werror -I$root/include"
c11="-std=gnu11 $strict"
patience=600 # seconds for any one test, as a guard against hanging

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

say() { printf '%-52s' "$*"; }

step() { # NAME COMMAND...: runs it, shows its output only if it fails
    say "$1"
    shift
    if timeout $patience "$@" >"$work/output" 2>&1; then
        echo ok
        sed -n '/^  /p' "$work/output"
    else
        code=$?
        echo "failed ($code)"
        cat "$work/output" >&2
        fail "$*"
    fi
}

wanted() { [ -z "$only" ] || [ "$only" = "$1" ]; }

variant() { # DIRECTORY MODE FLAGS...: builds a variant of the library
    directory=$1 mode=$2
    shift 2
    mkdir -p "$work/$directory"
    case $mode in
    shared)
        "$root/capi/build.sh" "$@" shared "$work/$directory/libhermes.so.2"
        ln -sf libhermes.so.2 "$work/$directory/libhermes.so"
        ;;
    archive) "$root/capi/build.sh" "$@" archive "$work/$directory/libhermes.a" ;;
    esac
}

rm -rf "$work"
mkdir -p "$work/plain"
[ -e "$build/libhermes.so.2" ] || "$root/capi/build.sh" shared "$build/libhermes.so.2"
ln -sf "$build/libhermes.so.2" "$work/plain/libhermes.so.2"
ln -sf libhermes.so.2 "$work/plain/libhermes.so"

# ---- The header and the exports ----------------------------------------------

header_compiles() { # COMPILER STANDARD LANGUAGE
    $1 -std="$2" -x "$3" $strict -Wconversion -Wmissing-declarations "$here/header.c" -o "$work/header" \
        -x none -L"$work/plain" -lhermes -Wl,-rpath,"$work/plain" && "$work/header"
}

exports_agree() {
    "$root/capi/exports.sh" names "$root/include/hermes.h" >"$work/declared"
    nm -D --defined-only "$build/libhermes.so.2" | awk '{ print $3 }' | sort >"$work/exported"
    [ "$(wc -l <"$work/declared")" -gt 30 ] && diff "$work/declared" "$work/exported"
}

library_is_named() {
    readelf -dW "$build/libhermes.so.2" | grep -q 'SONAME.*\[libhermes\.so\.2\]' &&
        readelf -dW "$build/libhermes.so.2" | grep -q NODELETE
}

every_function_is_tested() {
    for name in $("$root/capi/exports.sh" names "$root/include/hermes.h"); do
        grep -q "$name(" "$here"/arguments.c "$here"/texts.c "$here"/header.c || {
            echo "$name has no test with wrong arguments"
            return 1
        }
    done
}

if [ -z "$only" ]; then
    for standard in c99 c11 c17; do step "header as $standard" header_compiles "$cc" $standard c; done
    for standard in c++11 c++17 c++20; do step "header as $standard" header_compiles "$cxx" $standard c++; done
    step "only the functions of the header are exported" exports_agree
    step "the library has its name and stays loaded" library_is_named
    step "every function is tested with wrong arguments" every_function_is_tested
fi

# ---- The programs --------------------------------------------------------------

program() { # NAME DIRECTORY FLAGS...: compiles a test against a variant
    source=$1 directory=$2
    shift 2
    $cc $c11 "$@" "$here/$source.c" -o "$work/$directory/$source" -L"$work/$directory" -lhermes \
        -Wl,-rpath,"$work/$directory" -lpthread
}

asan="-fsanitize=address -fno-omit-frame-pointer"
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0:abort_on_error=1
export LSAN_OPTIONS=suppressions=$here/leaks.supp:print_suppressions=0
export GORACE=halt_on_error=1

variant asan shared --asan --tags hermestest
variant panics shared --tags hermestest
variant race shared --race
variant static archive

for test in roundtrip texts arguments closing polling json first_use forking leaving cycles million hammer; do
    wanted $test || continue
    program $test plain
    step "$test" "$work/plain/$test"
    program $test asan $asan
    [ $test != million ] || set -- 100000
    step "$test, AddressSanitizer" "$work/asan/$test" "$@"
done

if wanted panics; then
    program panics panics
    step "panics" "$work/panics/panics"
    program panics asan $asan
    step "panics, AddressSanitizer" "$work/asan/panics"
fi

for test in roundtrip closing hammer; do
    wanted $test || continue
    program $test race
    step "$test, Go's race detector" "$work/race/$test"
done

if wanted static; then
    $cc $c11 "$here/roundtrip.c" -o "$work/static/roundtrip" "$work/static/libhermes.a" $("$root/capi/build.sh" libs)
    step "roundtrip, linked statically" "$work/static/roundtrip"
    $cc $c11 "$here/first_use.c" -o "$work/static/first_use" "$work/static/libhermes.a" $("$root/capi/build.sh" libs)
    step "first_use, linked statically" "$work/static/first_use"
fi

if wanted plusplus; then
    $cxx -std=c++17 $strict "$here/plusplus.cpp" -o "$work/plain/plusplus" -L"$work/plain" -lhermes -Wl,-rpath,"$work/plain"
    step "plusplus" "$work/plain/plusplus"
fi

if wanted late_load; then
    others=
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24; do
        $cc $c11 -shared -fPIC "$here/thread_data.c" -o "$work/plain/other$i.so"
        others="$others $work/plain/other$i.so"
    done
    $cc $c11 "$here/late_load.c" -o "$work/plain/late_load" -ldl
    step "late_load" "$work/plain/late_load" "$work/plain/libhermes.so.2" $others
fi
echo "The C interface is as it should be."
