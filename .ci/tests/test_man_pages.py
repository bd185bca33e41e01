"""The manual is whole: a page for every function, each of them clean, and findable."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".ci"))

import header  # noqa: E402

FUNCTIONS = sorted(header.declared(header.read()))


@pytest.fixture(scope="module")
def manual():
    """Make the manual."""
    subprocess.run(["make", "-s", "build/man"], cwd=ROOT, check=True, capture_output=True)
    return ROOT / "build/man"


def formatted(page):
    """Return a page as groff shows it; fail where groff has something to say about it."""
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-c", "-rLL=100n", "-ww", page],
        capture_output=True,
        text=True,
        env={**os.environ, "GROFF_NO_SGR": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return re.sub(r".\x08", "", done.stdout)


def test_every_function_has_its_page_and_nothing_else_has(manual):
    pages = sorted(path.stem for path in (manual / "man3").iterdir())
    assert pages == sorted(["hermes", *FUNCTIONS])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_page_tells_what_the_header_tells(name, manual):
    shown = formatted(manual / "man3" / f"{name}.3")
    (function,) = (one for one in header.functions(header.read()) if one.name == name)
    assert re.search(rf"(?m)^NAME\n\s+{name}\s+-\s+\w", shown)
    words = header.one_line(shown)
    assert function.declaration.replace("( ", "(") in words.replace("( ", "(")
    assert f"Since hermes {function.since}." in words
    for names, _ in function.parameters:
        assert ", ".join(names) in shown
    for code in re.findall(r"_(E[A-Z0-9]+)\b", function.returns):
        assert f"HERMES_{code}" in shown
    assert "@" not in shown.replace("'@'", "")  # a tag that was not converted
    assert not re.search(r"(?<![A-Z])_E[A-Z]", shown)


def test_the_overview_lists_every_function_and_every_code(manual):
    shown = formatted(manual / "man3/hermes.3")
    assert [name for name in FUNCTIONS if f"{name}(3)" not in shown] == []
    codes = [name for name, _, _ in header.errors(header.read())]
    assert len(codes) > 15
    assert [code for code in codes if not re.search(rf"(?m)^\s+{code}\b", shown)] == []


def test_every_command_has_its_page(manual):
    command = ROOT / "build/hermes"
    said = subprocess.run([command, "docs"], capture_output=True, text=True, check=True).stdout
    root = json.loads(said)["command"]
    pages = {path.stem for path in (manual / "man1").iterdir()}
    assert pages == {"hermes", *(one["name"].replace(" ", "-") for one in root["commands"])}
    overview = formatted(manual / "man1/hermes.1")
    for one in root["commands"]:
        name = one["name"].replace(" ", "-")
        assert f"{name}(1)" in overview
        shown = formatted(manual / f"man1/{name}.1")
        assert one["usage"].split()[-1] in shown
        for inner in [one, *one["commands"]]:
            assert inner["name"] in shown
            for flag in inner["flags"]:
                assert re.search(rf"(?m)^\s+(-\w, )?--{flag['name']}\b", shown), flag["name"]
            if inner["example"]:
                assert inner["example"].splitlines()[0] in shown
        for code in range(6):
            assert re.search(rf"(?m)^\s+{code} {{2,}}\w", shown), name


def test_the_overview_lists_the_options(manual):
    shown = formatted(manual / "man1/hermes.1")
    command = ROOT / "build/hermes"
    for kind in ("publisher", "receiver", "postoffice"):
        options = subprocess.run([command, "options", kind], capture_output=True, text=True)
        for line in options.stdout.splitlines():
            assert re.search(rf"(?m)^\s+{re.escape(line.split()[0])}(?: |$)", shown), line
