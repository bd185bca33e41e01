#!/usr/bin/env bash
# Tests the Rust binding: run.sh. Needs build/libhermes.so.2, build/libhermes.a and crates.io. Leaves the programs
# that the tests with other languages use in build/bindings/rust.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
export CARGO_TARGET_DIR=$root/build/rust HERMES_LIB_DIR=$root/build CARGO_TERM_QUIET=true
export LD_LIBRARY_PATH=$root/build${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} # for what rustdoc runs
patience=600 # seconds for all tests, as a guard against hanging
cd "$here/.."

# Each function of hermes.h must be used. Exceptions: the marshal format, which is Python's,
# hermes_pipe, for tokio waits for fd(), and hermes_batch_memory, for calls are quick.
unused=$("$root/capi/exports.sh" names "$root/include/hermes.h" | grep -vE '_marshal$|_pipe$|_batch_memory$' |
    while read -r name; do grep -rqw "$name" hermes/src || echo "$name"; done)
[ -z "$unused" ] || { echo "the crate hermes does not use $unused" >&2; exit 1; }

cargo fmt --check
cargo clippy --locked --all-targets --features tokio -- -D warnings
RUSTDOCFLAGS=-Dwarnings cargo doc --locked --no-deps --features tokio
timeout $patience cargo test --locked --features tokio

# Without the library, the build's error must say what to do.
complaint=$(HERMES_LIB_DIR=/nonexistent cargo check --locked -p hermes-sys 2>&1) && {
    echo "hermes-sys builds without libhermes" >&2
    exit 1
}
for word in "HERMES_LIB_DIR is /nonexistent" "make install"; do
    grep -q "$word" <<<"$complaint" || { echo "no '$word' in: $complaint" >&2; exit 1; }
done

# With the feature static, a program needs no libhermes at run time.
cargo build --locked --example echo --features static --target-dir "$root/build/rust-static"
if ldd "$root/build/rust-static/debug/examples/echo" | grep libhermes; then
    echo "the feature static leaves a library to be found" >&2
    exit 1
fi

# Where only the sources are, the build makes the library of them.
(
    unset HERMES_LIB_DIR
    export HERMES_SOURCE=$root
    rm -rf "$root"/build/rust-source/debug/build/hermes-sys* # what an earlier run has built
    cargo check --locked -p hermes-sys --target-dir "$root/build/rust-source"
    built=$(find "$root/build/rust-source/debug/build" -path '*hermes-sys*/out/libhermes.so.2')
    [ -n "$built" ] || { echo "hermes-sys has not built the library" >&2; exit 1; }
    # With the flags of Go that the user has, and for this machine alone.
    complaint=$(GOFLAGS=-nonsense cargo check --locked -p hermes-sys --target-dir "$root/build/rust-source" 2>&1) &&
        { echo "hermes-sys builds without the user's GOFLAGS" >&2; exit 1; }
    grep -q nonsense <<<"$complaint" || { echo "no 'nonsense' in: $complaint" >&2; exit 1; }
    complaint=$(cargo check --locked -p hermes-sys --target x86_64-unknown-linux-musl --target-dir "$root/build/rust-source" 2>&1) &&
        { echo "hermes-sys builds a library for another system" >&2; exit 1; }
    grep -q "is built on Linux for that same machine" <<<"$complaint" || { echo "not refused: $complaint" >&2; exit 1; }
)

mkdir -p "$root/build/bindings/rust"
cargo build --locked --examples
cp "$CARGO_TARGET_DIR"/debug/examples/{echo,peaks} "$root/build/bindings/rust/"
echo "The Rust binding is as it should be."
