#!/usr/bin/env bash
# deb.sh BUILT TO [ARCH]: makes Debian packages of what lies in the folder BUILT (see install.sh)
# and puts them into the folder TO: libhermes2, libhermes-dev, hermes-tools. For another
# architecture than this machine's (arm64), BUILT holds what linux-binaries has compiled, which
# needs libc alone, and in licences/ those of what is inside.
#   DEBFULLNAME, DEBEMAIL   whose packages they are
#   DEB_REVISION            the revision of the package (1)
#   SOURCE_DATE_EPOCH       its date; that of the last commit where there is one
set -euo pipefail

built=$(cd "$1" && pwd)
mkdir -p "$2"
to=$(cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

upstream=$("$here/version.sh")
major=${upstream%%.*}
version=$upstream-${DEB_REVISION:-1}
maintainer="${DEBFULLNAME:-The hermes authors} <${DEBEMAIL:-hermes-zmq@users.noreply.github.com}>"
own=$(dpkg-architecture -qDEB_BUILD_ARCH)
architecture=${3:-$own}
triplet=$(dpkg-architecture -a"$architecture" -qDEB_HOST_MULTIARCH 2>/dev/null)
export DEB_HOST_ARCH=$architecture DEB_HOST_MULTIARCH=$triplet
cross=''
[ "$architecture" = "$own" ] || cross=$triplet-
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
library=libhermes$major
packages=("$library" libhermes-dev hermes-tools)

work=$built/deb
rm -rf "$work"
mkdir -p "$work/debian"
cd "$work"
umask 022

# ---- Who gets what ----------------------------------------------------------------

DESTDIR=$work/all PREFIX=/usr LIBDIR=lib/$triplet "$here/install.sh" "$built"
# As Debian wants its programs: at no fixed address, and without symbols. Those for other
# machines are compiled so.
if [ -z "$cross" ]; then
    (cd "$root" && go build -buildmode=pie -trimpath -ldflags='-s -w -extldflags "-Wl,-z,relro,-z,now"' \
        -o "$work/all/usr/bin/hermes" ./cmd/hermes)
else
    install -m 644 "$built"/licences/* "$work/all/usr/share/doc/hermes/licences/"
fi
"${cross}strip" --strip-debug -R .comment "all/usr/lib/$triplet/libhermes.a"
chmod 644 "all/usr/lib/$triplet/libhermes.so.$upstream"
gzip -9n all/usr/share/man/man*/*

take() { # take PACKAGE PATH...: moves paths below /usr
    local package=$1 path
    shift
    for path in "$@"; do
        mkdir -p "$package/usr/$(dirname "$path")"
        mv "all/usr/$path" "$package/usr/$path"
    done
}
lib=lib/$triplet
take "$library" "$lib/libhermes.so.$major" "$lib/libhermes.so.$upstream"
take libhermes-dev include share/man/man3 "$lib"/{libhermes.so,libhermes.a,pkgconfig,cmake}
units=hermes-tools/usr/lib/systemd/system
mkdir -p "$units" hermes-tools/etc/hermes
install -m 644 "$root"/cmd/hermes/service/hermes-postoffice*.{service,socket} "$units/"
install -m 644 "$root/cmd/hermes/service/postoffice.toml" hermes-tools/etc/hermes/
mv all/usr/share/zsh/site-functions all/usr/share/zsh/vendor-completions # as Debian has it
take hermes-tools bin share/man/man1 share/{bash-completion,zsh,fish}
mv all/usr/share/doc/hermes licences
left=$(find all ! -type d)
[ -z "$left" ] || { printf 'deb.sh: these belong to no package:\n%s\n' "$left" >&2; exit 1; }

mkdir -p libhermes-dev/usr/share/doc/libhermes-dev/examples
cp "$root"/examples/c/*.c libhermes-dev/usr/share/doc/libhermes-dev/examples/
cp "$root"/docs/{guide,configuration,c-api}.md libhermes-dev/usr/share/doc/libhermes-dev/

# ---- What Debian wants to know --------------------------------------------------------

sed "s|@MAINTAINER@|$maintainer|" "$here/debian/control" >debian/control
cat >debian/changelog <<END
hermes ($version) unstable; urgency=medium

  * Release $upstream. What is new stands in changelog.gz.

 -- $maintainer  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
END
{
    printf 'This is hermes, from https://github.com/hermes-zmq/hermes\n\n'
    cat licences/LICENSE
    for licence in licences/licences/*; do
        name=$(basename "$licence")
        printf '\n\nThe code of %s is inside too, under this licence:\n\n' "${name//_//}"
        if grep -q 'Apache License' "$licence" && grep -q 'Version 2.0, January 2004' "$licence"; then
            echo "the Apache License, Version 2.0, in /usr/share/common-licenses/Apache-2.0"
        else
            cat "$licence"
        fi
    done
} >copyright

# The functions, and the release that brought each of them: a program that does without the
# newer ones may run with an older library.
{
    echo "libhermes.so.$major $library #MINVER#"
    awk '/^[0-9]+ .*\(/ { release = $2; sub(/\(.*/, ""); sub(/.*[ *]/, "")
        print " " $0 "@Base " release ".0" }' "$root/capi/abi.txt"
} >debian/symbols

for package in "${packages[@]}"; do
    doc=$package/usr/share/doc/$package
    mkdir -p "$doc" "$package/DEBIAN"
    cp copyright "$doc/copyright"
    gzip -9nc "$root/CHANGELOG.md" >"$doc/changelog.gz"
    gzip -9nc debian/changelog >"$doc/changelog.Debian.gz"
done

echo /etc/hermes/postoffice.toml >hermes-tools/DEBIAN/conffiles
for script in postinst prerm postrm; do
    install -m 755 "$here/debian/hermes-tools.$script" "hermes-tools/DEBIAN/$script"
done

dpkg-gensymbols -q -c4 "-p$library" "-P$library" "-v$version" -Idebian/symbols "-O$library/DEBIAN/symbols"
echo "libhermes $major $library (>= $upstream)" >"$library/DEBIAN/shlibs"
echo "activate-noawait ldconfig" >"$library/DEBIAN/triggers"

if [ -z "$cross" ]; then
    dpkg-shlibdeps "-T$library.substvars" "$library/usr/lib/$triplet/libhermes.so.$upstream"
    dpkg-shlibdeps -Thermes-tools.substvars hermes-tools/usr/bin/hermes
else
    # dpkg-shlibdeps would look for that architecture's libc on this machine.
    echo "shlibs:Depends=libc6 (>= 2.17)" | tee "$library.substvars" >hermes-tools.substvars
fi
touch libhermes-dev.substvars

# ---- The packages -----------------------------------------------------------------------

for package in "${packages[@]}"; do
    dpkg-gencontrol "-p$package" "-P$package" "-T$package.substvars" -fdebian/files
    (cd "$package" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0r md5sum >DEBIAN/md5sums)
    find "$package" -type d -exec chmod 755 {} +
    rm -f "$to/${package}"_*.deb
    dpkg-deb --root-owner-group -Zxz --build "$package" "$to/${package}_${version}_$architecture.deb"
done
