#!/bin/sh
# Lists what libhermes exports: every function that include/hermes.h declares.
#
#   exports.sh names FILE    one name a line
#   exports.sh script FILE   a version script for the linker
set -eu

form=$1 header=$2

names() {
    # A declaration begins with HERMES_API; its name is what stands before the
    # first parenthesis, without the stars of its type.
    awk '/^HERMES_API / { sub(/\(.*/, ""); sub(/.*[ *]/, ""); print }' "$header" | LC_ALL=C sort
}

case $form in
names) names ;;
script)
    echo "{"
    echo "global:"
    names | sed 's/.*/    &;/'
    echo "local:"
    echo "    *;"
    echo "};"
    ;;
*) echo "exports.sh: unknown form '$form'" >&2; exit 2 ;;
esac
