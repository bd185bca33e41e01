#!/usr/bin/env bash
# licences.sh DIR BINARY...: copies into DIR our licence and those of every Go module that
# is linked into one of the binaries (which name them themselves), and of Go.
set -euo pipefail

to=$1
shift
binaries=()
for binary in "$@"; do binaries+=("$(realpath "$binary")"); done
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"

install -d "$to/licences"
install -m 644 LICENSE "$to/LICENSE"

copy() { # copy DIR NAME: the licence in DIR, as NAME
    local found
    found=$(find "$1" -maxdepth 1 -iname 'LICEN[CS]E*' | sort | head -n 1)
    if [ -z "$found" ]; then
        echo "no licence in $1" >&2
        exit 1
    fi
    install -m 644 "$found" "$to/licences/$2"
}

copy "$(go env GOROOT)" go
go version -m "${binaries[@]}" | awk '$1 == "dep" { print $2 }' | sort -u | while read -r module; do
    name=${module//\//_}
    [[ $name != *.go ]] || name+=.txt # or tools take it for a source file
    copy "$(go list -m -f '{{.Dir}}' "$module")" "$name"
done
