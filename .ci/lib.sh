# Shared by the scripts in this folder: messages, and what is missing on this machine.
# shellcheck shell=bash

say() { printf '\n== %s\n' "$*"; }
die() { printf '\n%s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND...  runs it with the rights to install, without ever asking for a password.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_be_root() { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }

# install_packages WHY PACKAGE...  installs Debian packages, or says exactly which and stops.
install_packages() {
    local why=$1
    shift
    if ! have apt-get || ! can_be_root; then
        die "Missing: $why. Install these and try again:

    sudo apt-get install $*

(Other systems name them differently: the libzmq headers, pkg-config, a C++ compiler, venv for Python.)"
    fi
    say "installing $* (for $why)"
    quietly as_root apt-get -q update
    # One machine may run several makes at once: apt's lock is waited for.
    quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y \
        --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

# quietly COMMAND...  shows what a command has to say only if it fails, and then stops.
quietly() {
    local out
    out=$("$@" 2>&1 </dev/null) || die "$out

$* failed"
}
