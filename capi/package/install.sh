#!/usr/bin/env bash
# install.sh LIBRARY COMMAND: installs the built library for C and C++ programs, and the
# command `hermes`.
# `make install` and `cmake --install` both end here, and so give the same tree.
#   PREFIX   where it will be used (/usr/local)
#   LIBDIR   the library folder below it, relative (lib)
#   DESTDIR  put before every path, for packagers
set -euo pipefail

library=$1
command=$2
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-lib}
case $prefix in /*) ;; *) echo "PREFIX must be absolute, not $prefix" >&2; exit 2 ;; esac
case $libdir in /*) echo "LIBDIR must be relative to PREFIX, not $libdir" >&2; exit 2 ;; esac

version=$("$here/version.sh")
major=${version%%.*}
to=${DESTDIR:-}$prefix

# How far a folder of the prefix is above the one that a file lies in: what makes the
# tree work wherever it is moved.
up() { printf '%s' "$1" | sed 's|[^/]\{1,\}|..|g'; }

fill() {
    sed -e "s|@VERSION@|$version|g" -e "s|@MAJOR@|$major|g" -e "s|@LIBDIR@|$libdir|g" \
        -e "s|@UP_FROM_PC@|$(up "$libdir/pkgconfig")|g" \
        -e "s|@UP_FROM_CMAKE@|$(up "$libdir/cmake/hermes")|g" "$1" >"$2"
    chmod 644 "$2"
}

install -d "$to/bin" "$to/include" "$to/$libdir/pkgconfig" "$to/$libdir/cmake/hermes" "$to/share/doc/hermes"
install -m 755 "$command" "$to/bin/hermes"
install -m 644 "$root/include/hermes.h" "$to/include/"
install -m 755 "$library" "$to/$libdir/libhermes.so.$version"
ln -sf "libhermes.so.$version" "$to/$libdir/libhermes.so.$major"
ln -sf "libhermes.so.$major" "$to/$libdir/libhermes.so"
fill "$here/hermes.pc.in" "$to/$libdir/pkgconfig/hermes.pc"
fill "$here/hermes-config.cmake.in" "$to/$libdir/cmake/hermes/hermes-config.cmake"
fill "$here/hermes-config-version.cmake.in" "$to/$libdir/cmake/hermes/hermes-config-version.cmake"
"$here/licences.sh" "$library" "$to/share/doc/hermes"
