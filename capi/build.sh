#!/bin/sh
# Builds libhermes; the one place that knows how.
#
#   build.sh [--target TARGET] [--tags LIST] [--off LIST] [--race] [--asan] [--tsan] [--debug]
#            shared|archive OUTPUT
#
#   shared     OUTPUT is the shared library (SONAME libhermes.so.2)
#   archive    OUTPUT is a static library; link it with the libraries that
#              "build.sh libs" prints
#   --target   another system, built for with zig: x86_64-windows, x86_64-macos, aarch64-macos
#              (cross.sh); or GOOS and GOARCH say so. It is built on Linux, for whichever
#   --tags     Go build tags, separated by commas; nolibzmq builds it without libzmq
#   --off      pieces of capi/fast to be switched off, separated by commas, or "all"; its
#              README.md lists them
#   --race     with Go's race detector; for an archive, in a program linked -no-pie
#   --asan     C side with AddressSanitizer and UndefinedBehaviorSanitizer; the program
#              must be built with AddressSanitizer too
#   --tsan     C side with ThreadSanitizer, and Go's part of it that C sees; the program
#              must be built with it too
#   --debug    keep symbols and debug information
#
# The tools are CC, LD, AR, NM and OBJCOPY, and size. The names of the last five begin with
# CROSS_COMPILE, such as aarch64-linux-gnu-, where they are not set.
#
# Go compiles to an archive, which is linked here rather than by "go build", for
# two reasons. The initializer that would start Go's threads as soon as the library
# is loaded is set aside, so that the first call starts them (start.c). And the
# symbols of the Go runtime stay inside, in the static library as well.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
soname=libhermes.so.2
target='' tags='' off='' race='' strip=-Wl,-s goldflags='-s -w' cflags='-O2 -g' ldflags='' sanitize=''

usage() { sed -n '2,/^# is /s/^# \{0,1\}//p' "$0" | sed '$d' >&2; exit 2; }

while [ $# -gt 0 ]; do
    case $1 in
    --target) target=$2; shift ;;
    --tags) tags=$2; shift ;;
    --off) off=$2; shift ;;
    --race) race=-race strip='' goldflags='' ;;
    --asan) sanitize='-fsanitize=address,undefined -fno-sanitize-recover=undefined' ;;
    --tsan) sanitize=-fsanitize=thread ;;
    --debug) strip='' goldflags='' ;;
    -*) usage ;;
    *) break ;;
    esac
    shift
done

if [ -n "$sanitize" ]; then
    cflags="-O1 -g -fno-omit-frame-pointer $sanitize" ldflags=$sanitize strip=''
fi

# A name that capi/fast does not know would switch nothing off.
for piece in $(echo "$off" | tr , ' '); do
    [ "$piece" = all ] || grep -q "^	[A-Z][A-Za-z]* *= \"$piece\"" "$root/capi/fast/fast.go" || {
        echo "build.sh: --off: capi/fast has no piece \"$piece\"" >&2
        exit 2
    }
done
[ -z "$off" ] || goldflags="$goldflags -X github.com/hermes-zmq/hermes/capi/fast.off=$off"

# What the cgo parts of our own and of others' packages are linked with.
libs() {
    packages=$(cd "$root" && go list -deps -tags "$tags" -f '{{range .CgoPkgConfig}}{{println .}}{{end}}' ./capi | sort -u)
    flags=$(cd "$root" && go list -deps -tags "$tags" -f '{{range .CgoLDFLAGS}}{{println .}}{{end}}' ./capi | sort -u)
    # shellcheck disable=SC2086
    echo $flags ${packages:+$(pkg-config --libs $packages)} -lpthread
}

[ $# -ge 1 ] || usage
mode=$1
[ "$mode" != libs ] || { libs; exit; }
[ $# -eq 2 ] || usage
mkdir -p "$(dirname "$2")"
output=$(cd "$(dirname "$2")" && pwd)/$(basename "$2")
[ "$(go env GOHOSTOS)" = linux ] || {
    echo "build.sh: libhermes is built on Linux; for macOS and Windows there, with --target" >&2
    exit 2
}
if [ -z "$target" ]; then
    case $(go env GOOS)/$(go env GOARCH) in
    linux/*) ;;
    windows/amd64) target=x86_64-windows ;;
    darwin/amd64) target=x86_64-macos ;;
    darwin/arm64) target=aarch64-macos ;;
    *)
        echo "build.sh: there is no libhermes for $(go env GOOS) on $(go env GOARCH)" >&2
        exit 2
        ;;
    esac
fi
if [ -n "$target" ]; then
    export tags goldflags strip
    exec "$root/capi/cross.sh" "$target" "$mode" "$output"
fi
cc=${CC:-gcc} cross=${CROSS_COMPILE:-}
ld=${LD:-${cross}ld} ar=${AR:-${cross}ar} nm=${NM:-${cross}nm}
objcopy=${OBJCOPY:-${cross}objcopy} size=${cross}size

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
mkdir "$work/objects"

(cd "$root" && CGO_CFLAGS="${CGO_CFLAGS:-} $cflags" CGO_LDFLAGS="${CGO_LDFLAGS:-} $sanitize" go build -buildmode=c-archive -trimpath $race \
    -tags "$tags" -ldflags "$goldflags" -o "$work/go.a" ./capi)
cd "$work/objects"
$ar x "$work/go.a"

# Takes the start of the Go runtime out of the initializers: one pointer to a function.
pointer=$($size -A go.o | awk '$1 == ".init_array" { print $2 }')
[ "$pointer" = 8 ] || {
    echo "build.sh: this version of Go starts its runtime in a way that is not known here" >&2
    exit 1
}
$objcopy --rename-section .init_array=.data.hermes_go_start,alloc,load,data,contents go.o
$objcopy --add-symbol hermes_go_start=.data.hermes_go_start:0,global,object go.o

# Lets Go ask fast/stackbounds.c for the bounds of a stack.
for object in ./*.o; do
    if $nm "$object" | grep -q ' T x_cgo_getstackbound$'; then
        $objcopy --redefine-sym pthread_getattr_np=hermes_getattr_np "$object"
    fi
done

# Lets Go start its threads by fast/monitor.c.
case ",$off," in
*,monitor,* | *,all,*) ;;
*)
    for object in ./*.o; do
        if $nm "$object" | grep -q ' T _cgo_try_pthread_create$'; then
            $objcopy --redefine-sym pthread_create=hermes_thread_create "$object"
        fi
    done
    ;;
esac

case $mode in
shared)
    "$root/capi/exports.sh" script "$root/include/hermes.h" >"$work/exports.map"
    [ -n "$ldflags$race" ] || ldflags=-Wl,-z,defs
    # shellcheck disable=SC2046,SC2086
    $cc -shared -o "$output" ./*.o -Wl,-soname,$soname -Wl,--version-script="$work/exports.map" \
        -Wl,-z,nodelete -Wl,-z,relro -Wl,-z,now $strip $ldflags $(libs)
    ;;
archive)
    "$root/capi/exports.sh" names "$root/include/hermes.h" >"$work/exports"
    $ld -r -d -o "$work/hermes.o" ./*.o
    $objcopy --keep-global-symbols="$work/exports" "$work/hermes.o"
    rm -f "$output"
    $ar rcs "$output" "$work/hermes.o"
    ;;
*) usage ;;
esac
