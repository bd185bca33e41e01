#!/bin/sh
# needs_libc.sh LIBRARY: fails where a shared library needs any other than libc.
set -eu
needed=$(LC_ALL=C readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
[ "$needed" = libc.so.6 ] && exit
echo "needs_libc.sh: $1 is to need libc.so.6 alone, and needs:" "$needed" >&2
exit 1
