#!/bin/sh
# Builds libhermes for macOS or Windows, with zig as the compiler: build.sh --target calls it.
#
#   cross.sh TARGET shared|archive OUTPUT
#
#   TARGET     x86_64-windows, x86_64-macos or aarch64-macos, or as Go names them: windows-amd64,
#              darwin-amd64, darwin-arm64
#   OUTPUT     the library: hermes.dll, beside which its import libraries libhermes.dll.a (for
#              gcc and clang) and hermes.lib (for MSVC) are put; libhermes.2.dylib; or libhermes.a
#
# The environment has what build.sh was asked for: tags, goldflags, strip. The library is built
# without libzmq. Of a static library the symbols of Go stay visible on Windows.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
target=$1 mode=$2 output=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
mkdir "$work/objects"
objects=$work/change
export CGO_ENABLED=1 CGO_LDFLAGS='' CGO_CFLAGS="-O2 ${cflags:-}"

case $target in
x86_64-windows | windows-amd64) triple=x86_64-windows-gnu GOOS=windows GOARCH=amd64 ;;
x86_64-macos | darwin-amd64) triple=x86_64-macos.11.0 GOOS=darwin GOARCH=amd64 ;;
aarch64-macos | darwin-arm64) triple=aarch64-macos.11.0 GOOS=darwin GOARCH=arm64 ;;
*)
    echo "cross.sh: unknown target $target" >&2
    exit 2
    ;;
esac
CC=$("$root/.ci/zig" cc "$triple")
ar=$("$root/.ci/zig" ar)
export CC GOOS GOARCH

# The SDK of macOS is not on this machine: files of a few lines say what its libraries have.
if [ $GOOS = darwin ]; then CGO_LDFLAGS="-L$root/capi/macos -F$root/capi/macos"; fi
if [ "$mode" = archive ]; then CGO_CFLAGS="$CGO_CFLAGS -DHERMES_STATIC"; fi

(cd "$root" && env -u GOOS -u GOARCH CGO_ENABLED=0 go build -o "$objects" ./capi/objects)
(cd "$root" && go build -buildmode=c-archive -trimpath -tags "nolibzmq${tags:+,$tags}" -ldflags "${goldflags:-}" \
    -o "$work/go.a" ./capi)
(cd "$work/objects" && "$ar" x "$work/go.a")
"$root/capi/exports.sh" names "$root/include/hermes.h" >"$work/names"

if [ $GOOS = darwin ]; then
    "$objects" hide "$work/names" "$work"/objects/*.o
    # In this order: start_darwin.c stands before Go.
    set -- "$work"/objects/[!g]*.o "$work/objects/go.o"
    link="-install_name @rpath/libhermes.2.dylib -Wl,-compatibility_version,2.0.0 -Wl,-current_version,2.0.0
        $CGO_LDFLAGS -lresolv -framework CoreFoundation -framework Security"
else
    "$objects" set-aside .ctors .hermes "$work/objects/go.o" # start_windows.c starts Go
    set -- "$work"/objects/*.o
    link="-Wl,--out-implib,$(dirname "$output")/libhermes.dll.a -lws2_32 -lntdll -lpthread"
fi

case $mode in
shared)
    # With the flags of cgo, for which zig has built the C library already.
    # shellcheck disable=SC2086
    $CC -shared -O2 -g ${strip:+"$strip"} -o "$output" "$@" $link
    if [ $GOOS = windows ]; then
        [ -z "$strip" ] || rm -f "${output%.dll}.pdb"
        cp "$(dirname "$output")/libhermes.dll.a" "$(dirname "$output")/hermes.lib"
    fi
    ;;
archive)
    rm -f "$output"
    "$ar" rcs "$output" "$@"
    ;;
*)
    echo "cross.sh: unknown mode $mode" >&2
    exit 2
    ;;
esac
