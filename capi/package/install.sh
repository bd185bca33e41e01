#!/usr/bin/env bash
# install.sh BUILT: installs what lies in the folder BUILT (libhermes.so.2, libhermes.a, the
# command hermes, the manual in man/, the completions of shells in completions/) for C and C++
# programs.
# `make install`, `make deb` and `cmake --install` all end here, and so give the same tree.
#   PREFIX   where it will be used (/usr/local)
#   LIBDIR   the library folder below it, relative (lib)
#   DESTDIR  put before every path, for packagers
set -euo pipefail

built=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
prefix=${PREFIX:-/usr/local}
libdir=${LIBDIR:-lib}
case $prefix in /*) ;; *) echo "PREFIX must be absolute, not $prefix" >&2; exit 2 ;; esac
case $libdir in /*) echo "LIBDIR must be relative to PREFIX, not $libdir" >&2; exit 2 ;; esac

version=$("$here/version.sh")
major=${version%%.*}
libs=$("$root/capi/build.sh" libs)
to=${DESTDIR:-}$prefix

# How far a folder of the prefix is above the one that a file lies in: what makes the
# tree work wherever it is moved.
up() { printf '%s' "$1" | sed 's|[^/]\{1,\}|..|g'; }

fill() { # fill TEMPLATE FILE
    sed -e "s|@VERSION@|$version|g" -e "s|@MAJOR@|$major|g" -e "s|@LIBDIR@|$libdir|g" \
        -e "s|@LIBS@|$libs|g" -e "s|@LIBS_FOR_CMAKE@|${libs// /;}|g" \
        -e "s|@UP_FROM_PC@|$(up "$libdir/pkgconfig")|g" \
        -e "s|@UP_FROM_CMAKE@|$(up "$libdir/cmake/hermes")|g" "$here/$1" >"$2"
    chmod 644 "$2"
}

install -d "$to"/{bin,include,share/doc/hermes,share/man/man{1,3}} \
    "$to/$libdir"/{pkgconfig,cmake/hermes}
install -m 755 "$built/hermes" "$to/bin/hermes"
install -m 644 "$root/include/hermes.h" "$root"/bindings/cpp/*.hpp "$to/include/"
install -m 755 "$built/libhermes.so.$major" "$to/$libdir/libhermes.so.$version"
ln -sf "libhermes.so.$version" "$to/$libdir/libhermes.so.$major"
ln -sf "libhermes.so.$major" "$to/$libdir/libhermes.so"
install -m 644 "$built/libhermes.a" "$to/$libdir/"
for file in hermes.pc hermes-static.pc; do
    fill "$file.in" "$to/$libdir/pkgconfig/$file"
done
for file in hermes-config.cmake hermes-config-version.cmake; do
    fill "$file.in" "$to/$libdir/cmake/hermes/$file"
done
install -m 644 "$built"/man/man1/* "$to/share/man/man1/"
install -m 644 "$built"/man/man3/* "$to/share/man/man3/"
install -D -m 644 "$built/completions/bash" "$to/share/bash-completion/completions/hermes"
install -D -m 644 "$built/completions/zsh" "$to/share/zsh/site-functions/_hermes"
install -D -m 644 "$built/completions/fish" "$to/share/fish/vendor_completions.d/hermes.fish"
"$here/licences.sh" "$to/share/doc/hermes" "$built/libhermes.so.$major" "$built/hermes"
