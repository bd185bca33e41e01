#!/usr/bin/env bash
# Runs the tests of the C interface: run.sh [--tags LIST] [BUILD_DIRECTORY [TEST]]
#
# Each test is a C program that ends with 0, run plainly, under AddressSanitizer and
# UndefinedBehaviorSanitizer, and some with ThreadSanitizer or Go's race detector, as many
# at a time as there are processors. The library under test is libhermes.so.2 in the build
# directory; its variants for the sanitizers, and the static one, are built here, with the
# Go build tags in LIST as well: that of the directory is to have them too. With nolibzmq the tests
# leave out what they do with the engine libzmq. At the end it prints which tests took longest.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tags=''
if [ "${1:-}" = --tags ]; then tags=$2 && shift 2; fi
mkdir -p "${1:-$root/build}"
build=$(cd "${1:-$root/build}" && pwd)
only=${2:-}
work=$build/test-c
patience=600 # seconds for any one test, as a guard against hanging

cc=${CC:-gcc} cxx=${CXX:-g++}
strict=(-O1 -g -Wall -Wextra -pedantic -Werror "-I$root/include")
c11=(-std=gnu11 "${strict[@]}")
case ,$tags, in
*,nolibzmq,*) c11+=(-DNO_LIBZMQ) ;;
esac
# UBSan makes gcc see ranges of numbers that cannot be.
asan=(-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined -Wno-format-truncation -fno-omit-frame-pointer)
tsan=(-fsanitize=thread -fno-omit-frame-pointer)
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1
export LSAN_OPTIONS="suppressions=$here/leaks.supp:print_suppressions=0"
export TSAN_OPTIONS=halt_on_error=1
export GORACE="halt_on_error=1 atexit_sleep_ms=50"

# ---- Building ------------------------------------------------------------------

variant() { # DIRECTORY MODE FLAGS...: builds a variant of the library
    local directory=$work/$1 mode=$2
    shift 2
    mkdir -p "$directory"
    if [ "$mode" = archive ]; then
        "$root/capi/build.sh" "$@" archive "$directory/libhermes.a"
    else
        "$root/capi/build.sh" "$@" shared "$directory/libhermes.so.2"
        ln -sf libhermes.so.2 "$directory/libhermes.so"
    fi
}

shared() { # NAME DIRECTORY FLAGS...: compiles a test against the shared library there
    local source=$1 directory=$work/$2
    shift 2
    "$cc" "${c11[@]}" "$@" "$here/$source.c" -o "$directory/$source" -L"$directory" -lhermes \
        -Wl,-rpath,"$directory" -lpthread
}

static() { # NAME DIRECTORY FLAGS...: compiles a test with the static library inside
    local source=$1 directory=$work/$2 libs
    shift 2
    read -ra libs < <("$root/capi/build.sh" --tags "$tags" libs)
    "$cc" "${c11[@]}" "$@" "$here/$source.c" -o "$directory/$source" "$directory/libhermes.a" \
        "${libs[@]}" -lm
}

# ---- Running -------------------------------------------------------------------

step() { # NAME COMMAND...: runs it, and shows its output if it fails
    local name=$1 output code=0 begun=$EPOCHREALTIME
    shift
    output=$(mktemp "$work/output.XXXXXX")
    "$@" >"$output" 2>&1 || code=$?
    awk -v a="$begun" -v b="$EPOCHREALTIME" -v n="$name" 'BEGIN { printf "%8.2f s  %s\n", b - a, n }' >>"$work/times"
    {
        flock 3 # one at a time prints
        if [ $code = 0 ]; then
            printf '%-52s ok\n' "$name"
            sed -n '/^  /p' "$output" # figures, where a test has some
        else
            printf '%-52s failed (%d)\n' "$name" "$code"
            cat "$output" >&2
        fi
    } 3>"$work/printing"
    return $code
}

processors=$(getconf _NPROCESSORS_ONLN)
running=0
collect() { # waits for one of the tests that run, and ends all with a failure of it
    wait -n || { wait; exit 1; }
    running=$((running - 1))
}

run() { # NAME PROGRAM...: a step beside others, given up when it hangs
    local name=$1
    shift
    while [ $running -ge "$processors" ]; do collect; done
    step "$name" timeout $patience "$@" &
    running=$((running + 1))
}

wanted() { [ -z "$only" ] || [ "$only" = "$1" ]; }

rm -rf "$work"
mkdir -p "$work/plain"
[ -e "$build/libhermes.so.2" ] || "$root/capi/build.sh" --tags "$tags" shared "$build/libhermes.so.2"
ln -s "$build/libhermes.so.2" "$work/plain/libhermes.so.2"
ln -s libhermes.so.2 "$work/plain/libhermes.so"
# hermestest makes it count the calls that do not enter Go, and panic where a test wants that;
# with --off all each call enters Go, and no panic is passed by.
declare -A variants=(
    [asan]="shared --asan --tags hermestest${tags:+,$tags}"
    [tsan]="shared --tsan --tags hermestest${tags:+,$tags}"
    [off]="shared --tags hermestest${tags:+,$tags} --off all"
    [asan-off]="shared --asan --tags hermestest${tags:+,$tags} --off all"
    [race]="archive --race${tags:+ --tags $tags}"
    [static]="archive${tags:+ --tags $tags}"
)
for name in asan tsan off asan-off race static; do
    read -ra how <<<"${variants[$name]}"
    while [ $running -ge "$processors" ]; do collect; done
    step "building $name" variant "$name" "${how[@]}" &
    running=$((running + 1))
done
while [ $running -gt 0 ]; do collect; done

# ---- The header and the exports --------------------------------------------------

header_compiles() { # COMPILER STANDARD LANGUAGE
    "$1" -std="$2" -x "$3" "${strict[@]}" -Wconversion -Wmissing-declarations "$here/header.c" \
        -x none -o "$work/header" -L"$work/plain" -lhermes -Wl,-rpath,"$work/plain" && "$work/header"
}

exports_agree() {
    "$root/capi/exports.sh" names "$root/include/hermes.h" >"$work/declared"
    nm -D --defined-only "$build/libhermes.so.2" | awk '{ print $3 }' | LC_ALL=C sort >"$work/exported"
    [ "$(wc -l <"$work/declared")" -gt 30 ] && diff "$work/declared" "$work/exported"
}

static_symbols_agree() {
    nm -g --defined-only "$work/static/libhermes.a" | awk 'NF == 3 { print $3 }' | LC_ALL=C sort |
        diff "$work/declared" -
}

library_is_named() {
    readelf -dW "$build/libhermes.so.2" >"$work/dynamic"
    grep -q 'SONAME.*\[libhermes\.so\.2\]' "$work/dynamic" && grep -q NODELETE "$work/dynamic"
}

# Each costs a tenth of a megabyte or more, and nothing of it is needed: a check of a few characters
# brings in package regexp with all tables of Unicode.
has_no_needless_packages() {
    local packages
    packages=$(go -C "$root" list -deps ./capi) || return 1
    ! echo "$packages" |
        grep -xE 'regexp|text/template|html/template|net/http|encoding/xml|encoding/gob|github.com/spf13/.*|github.com/prometheus/.*|github.com/nats-io/.*'
}

library_is_small() { # what is built for this machine; a bound beyond which something has come in by mistake
    local bytes most=9900000
    readelf -hW "$build/libhermes.so.2" | grep -q 'Machine:.*X86-64' || return 0
    bytes=$(stat -Lc %s "$build/libhermes.so.2")
    echo "  $bytes bytes; $most are the most"
    [ "$bytes" -le $most ]
}

every_function_is_tested() {
    local name
    while read -r name; do
        grep -q "$name(" "$here"/{arguments,texts,header}.c || {
            echo "$name has no test with wrong arguments"
            return 1
        }
    done <"$work/declared"
}

if [ -z "$only" ]; then
    for standard in c99 c11 c17; do step "header as $standard" header_compiles "$cc" $standard c; done
    for standard in c++11 c++17 c++20; do
        step "header as $standard" header_compiles "$cxx" $standard c++
    done
    step "only the functions of the header are exported" exports_agree
    step "and they alone are visible in the static library" static_symbols_agree
    step "the library has its name and stays loaded" library_is_named
    step "the library has no packages that it does not need" has_no_needless_packages
    step "the library is small" library_is_small
    step "every function is tested with wrong arguments" every_function_is_tested
fi

# ---- The programs ------------------------------------------------------------------

for test in roundtrip texts arguments closing polling epoll pipes json gaps policies vain first_use forking orphans streams leaving cycles hammer staging prefetch quiet; do
    wanted $test || continue
    shared $test plain
    run $test "$work/plain/$test"
    shared $test asan "${asan[@]}"
    run "$test, AddressSanitizer" env HERMES_TEST_COUNTS=yes "$work/asan/$test"
done

for test in closing hammer polling staging prefetch quiet; do
    wanted $test || continue
    shared $test tsan "${tsan[@]}"
    run "$test, ThreadSanitizer" env HERMES_TEST_COUNTS=yes "$work/tsan/$test"
done

# AddressSanitizer itself needs more addresses than any limit would leave.
if wanted limits; then
    shared limits plain
    run limits "$work/plain/limits"
fi

# AddressSanitizer has a malloc of its own.
if wanted starved; then
    shared starved plain
    run starved "$work/plain/starved"
fi

for test in jsoncheck marshalrow; do
    wanted $test || continue
    sources=("$root"/capi/fast/{jsoncheck,template,marshalrow}.c)
    shared $test plain "${sources[@]}"
    run $test "$work/plain/$test"
    shared $test asan "${asan[@]}" "${sources[@]}"
    run "$test, AddressSanitizer" "$work/asan/$test"
done

# AddressSanitizer follows a change of stacks only where it is told of it.
if wanted other_stack; then
    shared other_stack plain
    run other_stack "$work/plain/other_stack"
    static other_stack static
    run "other_stack, linked statically" "$work/static/other_stack"
fi

if wanted million; then
    shared million plain
    run million "$work/plain/million"
    shared million asan "${asan[@]}"
    run "million (a tenth of it), AddressSanitizer" "$work/asan/million" 100000
fi

if wanted panics; then
    shared panics off
    run panics "$work/off/panics"
    shared panics asan-off "${asan[@]}"
    run "panics, AddressSanitizer" "$work/asan-off/panics"
fi

# What only buys speed can be switched off: the library behaves in the same way.
for test in roundtrip closing polling pipes hammer staging prefetch quiet; do
    wanted $test || continue
    shared $test off
    run "$test, with capi/fast switched off" "$work/off/$test"
done

for test in roundtrip closing hammer staging prefetch quiet; do
    wanted $test || continue
    static $test race -no-pie # or the detector finds no place for its tables
    run "$test, Go's race detector" "$work/race/$test"
done

for test in roundtrip first_use; do
    wanted $test || continue
    static $test static
    run "$test, linked statically" "$work/static/$test"
done

if wanted plusplus; then
    "$cxx" -std=c++17 "${strict[@]}" "$here/plusplus.cpp" -o "$work/plain/plusplus" \
        -L"$work/plain" -lhermes -Wl,-rpath,"$work/plain"
    run plusplus "$work/plain/plusplus"
fi

if wanted late_load; then
    others=()
    for i in {1..24}; do
        others+=("$work/plain/other$i.so")
        "$cc" "${c11[@]}" -shared -fPIC "$here/thread_data.c" -o "${others[-1]}"
    done
    "$cc" "${c11[@]}" "$here/late_load.c" -o "$work/plain/late_load" -ldl
    run late_load "$work/plain/late_load" "$work/plain/libhermes.so.2" "${others[@]}"
fi

while [ $running -gt 0 ]; do collect; done
echo "The slowest:"
sort -rn "$work/times" | head -n 20
echo "The C interface is as it should be."
