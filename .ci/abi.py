"""Holds the C interface to what it has promised: capi/abi.txt, which only grows.

abi.py                    adds to the list what include/hermes.h has and it has not
abi.py --check            fails where something would be added
abi.py --library FILE     fails where FILE exports anything but the functions of the list
abi.py --program          prints a C program that only compiles where the header still
                          means what the list says

Each of them refuses a removal of, or a change to, what was promised. So is
an addition under a HERMES_ABI_VERSION that has been released: raise it first.
"""

import pathlib
import re
import subprocess
import sys

import header

LIST = header.ROOT / "capi" / "abi.txt"

INTRODUCTION = """\
# What libhermes promises to the programs that are built with it. Made of include/hermes.h
# by .ci/abi.py (make format), which adds, and refuses to change or remove.
#
# First the HERMES_ABI_VERSION that a thing came with, then its @since ("-": it has none).
# Up to the version that is called released, nothing can be added any more.
"""


class Broken(Exception):
    """The header does not keep what the list promises, or grows in the wrong way."""


def promised(text):
    """Return the list: the version that is released, and {thing: (version, since)}."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    released = int(re.fullmatch(r"released (\d+)", lines[0]).group(1))
    entries = {}
    for line in lines[1:]:
        version, since, thing = line.split(None, 2)
        entries[thing] = (int(version), since)
    return released, entries


def offered(source):
    """Return what the header has: its version, and {thing: since}."""
    undocumented = header.declared(source) - {one.name for one in header.functions(source)}
    if undocumented:
        raise Broken(f"hermes.h declares without a description: {sorted(undocumented)}")
    things = {f"{name} = {value}": "-" for name, value, _ in header.constants(source)}
    things.update(dict.fromkeys(header.types(source), "-"))
    for one in header.functions(source):
        if not one.since:
            raise Broken(f"hermes.h does not say since when there is {one.name} (@since)")
        things[one.declaration] = one.since
    version = int(re.search(r"(?m)^#define HERMES_ABI_VERSION (\d+)$", source).group(1))
    return version, things


def grown(text, source):
    """Return the list with what the header adds to it; raise Broken where it may not."""
    released, entries = promised(text)
    version, things = offered(source)
    for thing, (_, since) in entries.items():
        if things.get(thing) != since:
            raise Broken(f"hermes.h has changed or lost what was promised: {thing} (since {since})")
    added = [thing for thing in things if thing not in entries]
    if added and version <= released:
        raise Broken(
            f"hermes.h has grown, so HERMES_ABI_VERSION must be above {released}: {added[0]}"
        )
    if version < max((number for number, _ in entries.values()), default=0):
        raise Broken("HERMES_ABI_VERSION was lowered")
    entries.update((thing, (version, things[thing])) for thing in added)
    return written(released, entries)


def written(released, entries):
    """Return the list as it stands in the file."""
    rows = sorted((kind(thing), name(thing), thing) for thing in entries)
    lines, before = [INTRODUCTION + f"\nreleased {released}\n"], None
    for group, _, thing in rows:
        version, since = entries[thing]
        lines.append(("\n" if group != before else "") + f"{version}  {since:<4} {thing}\n")
        before = group
    return "".join(lines)


def kind(thing):
    """Return a number for constants, types, and functions."""
    return 0 if " = " in thing else 1 if thing.startswith("typedef ") else 2


def name(thing):
    """Return what a thing is called."""
    return re.search(r"(\w+)( =|\(|;$)", thing).group(1)


def functions(text):
    """Return the names of the functions in the list."""
    return {name(thing) for thing in promised(text)[1] if kind(thing) == 2}


def exported(library):
    """Return the names that a shared library gives to programs."""
    table = subprocess.run(
        ["nm", "-D", "--defined-only", library], stdout=subprocess.PIPE, text=True, check=True
    )
    return {line.split()[-1].partition("@")[0] for line in table.stdout.splitlines()}


def program(text):
    """Return a C program that says again all that the list says."""
    lines = ["#include <hermes.h>"]
    for thing in promised(text)[1]:
        if kind(thing) == 0:
            constant, _, value = thing.partition(" = ")
            lines.append(f'_Static_assert({constant} == ({value}), "{constant}");')
        else:
            lines.append(thing)
    return "\n".join([*lines, "int main(void) { return 0; }"]) + "\n"


def main(arguments):
    """Do what the command line asks for."""
    before = LIST.read_text()
    after = grown(before, header.read())
    if arguments[:1] == ["--check"]:
        if before != after:
            raise Broken("capi/abi.txt lacks what hermes.h has; run: make format")
    elif arguments[:1] == ["--library"]:
        contradiction = exported(pathlib.Path(arguments[1])) ^ functions(after)
        if contradiction:
            raise Broken(f"only in one of {arguments[1]} and capi/abi.txt: {sorted(contradiction)}")
    elif arguments[:1] == ["--program"]:
        print(program(before), end="")
    else:
        LIST.write_text(after)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Broken as broken:
        sys.exit(str(broken))
