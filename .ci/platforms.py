"""Writes docs/platforms.md: what runs where, of docs/platforms.json and the results of tests.

Usage: platforms.py                write the page
       platforms.py --check        tell whether the page is what the file says
       platforms.py merge          take in the records of build/platforms first
       platforms.py record NAME RUNTIME VERSION PASSED FAILED [--platform ID] [--how TEXT]
                                   write build/platforms/NAME.json, at the end of a test target

A record says which platform and runtime were tested, with their versions, how many tests passed
and failed, how they were run if not natively ("qemu-user", "wine"), and on which day.
docs/platforms.json is edited by hand but for its "results", which only `merge` changes. A cell of
the table is "tested" only if there is a result for it, and none in which a test failed, or if it
names the target by which continuous integration tests it, of TESTS in the Makefile or of .ci/run.
Targets that are made by hand alone stand behind "by hand" in a note, or in a cell of that state.
"""

import argparse
import datetime
import json
import pathlib
import platform as _platform
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORDS = ROOT / "build/platforms"
DATA = ROOT / "docs/platforms.json"
PAGE = ROOT / "docs/platforms.md"

# How a cell looks, by its state.
STATES = {
    "tested": "**tested**",
    "by hand": "tested by hand",
    "built": "built, not run by us",
    "expected": "expected",
    "impossible": "impossible",
    "none": "-",
}


def here():
    """Return the id of the platform that this is."""
    system = {"Darwin": "macos", "Windows": "windows"}.get(
        _platform.system(), _platform.system().lower()
    )
    machine = {"AMD64": "x86_64", "amd64": "x86_64", "arm64": "aarch64"}.get(
        _platform.machine(), _platform.machine()
    )
    return f"{system}-{machine}"


def record(name, runtime, version, passed, failed, without=(), platform=None, how=""):
    """Write the record of a test target."""
    RECORDS.mkdir(parents=True, exist_ok=True)
    content = {
        "platform": platform or here(),
        "runtime": runtime,
        "version": version,
        "passed": passed,
        "failed": failed,
        "without": list(without),
        "how": how,
        "date": datetime.date.today().isoformat(),
    }
    (RECORDS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


def merge(data):
    """Take in the records of this machine; a record replaces an earlier one of its name."""
    for path in sorted(RECORDS.glob("*.json")):
        data["results"][path.stem] = json.loads(path.read_text())
    data["results"] = dict(sorted(data["results"].items()))
    DATA.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def problems(data):
    """Yield what does not fit together."""
    ids = {one["id"] for one in data["platforms"]}
    families = set(data["runtimes"])
    makefile = (ROOT / "Makefile").read_text()
    ci = in_ci(makefile, (ROOT / ".ci/run").read_text())
    tested = set()
    for name, result in data["results"].items():
        family = result["runtime"].split()[0]
        if result["platform"] not in ids or family not in families:
            yield f"result {name} is of no platform and runtime in the table"
        if result["failed"] or not result["passed"]:
            yield f"result {name}: {result['passed']} passed, {result['failed']} failed"
        tested.add((result["platform"], family))
    for one in data["platforms"]:
        for runtime in data["runtimes"]:
            state, _, note = cell(one, runtime)
            if state not in STATES:
                yield f"{one['id']}, {runtime}: no such state: {state}"
            targets = re.findall(r"`make ([^`]+)`", note)
            known = all(f"\n{name}:" in makefile for words in targets for name in words.split())
            automatic = re.findall(r"(?<!by hand )`make ([^`]+)`", note)
            manual = {name for words in automatic for name in words.split()} - ci
            if state == "tested" and manual:
                yield f"{one['id']}, {runtime}: .ci/run does not make {', '.join(sorted(manual))}"
            if state == "by hand" and not targets:
                yield f"{one['id']}, {runtime}: tested by hand, but no target is named"
            if state == "tested" and not (automatic or (one["id"], runtime) in tested):
                yield f"{one['id']}, {runtime}: tested, but there is no result, and no target"
            if not known:
                yield f"{one['id']}, {runtime}: the Makefile has no such target"
            if state == "impossible" and not note:
                yield f"{one['id']}, {runtime}: impossible, but not said why"


def in_ci(makefile, run):
    """Return the targets that continuous integration makes to test."""
    (tests,) = re.findall(r"(?m)^TESTS := ((?:.*\\\n)*.*)$", makefile)
    (also,) = re.findall(r'(?m)^step make test ALSO="([^"]*)"', run)
    return {*tests.replace("\\", " ").split(), *also.split()}


def cell(platform, runtime):
    """Return state, its text, and the note of a cell: "state" or "state: note" in the file."""
    state, _, note = platform["cells"].get(runtime, "none").partition(": ")
    return state, STATES.get(state, state), note


def page(data):
    """Return the text of the page."""
    lines = ["# Platforms", "", *data["introduction"], "", "## What runs where", ""]
    lines += ["| platform | " + " | ".join(data["runtimes"]) + " |"]
    lines += ["|---" * (1 + len(data["runtimes"])) + "|"]
    notes = []
    for one in data["platforms"]:
        row = [one["name"]]
        for runtime in data["runtimes"]:
            _, text, note = cell(one, runtime)
            if note:
                if note not in notes:
                    notes.append(note)
                text += f" ({notes.index(note) + 1})"
            row.append(text)
        lines.append("| " + " | ".join(row) + " |")
    lines += ["", *(f"{index}. {note}" for index, note in enumerate(notes, 1))]
    lines += ["", *data["states"], "", "## What was tested", "", *data["about results"], ""]
    lines += [
        "| platform | runtime | version | tests passed | how | day |",
        "|---|---|---|---|---|---|",
    ]
    names = {one["id"]: one["name"] for one in data["platforms"]}
    ordered = sorted(data["results"].values(), key=lambda one: list(names).index(one["platform"]))
    for one in ordered:
        how = "; ".join(filter(None, [one["how"] or "natively", without(one)]))
        row = [
            names[one["platform"]],
            one["runtime"],
            one["version"],
            f"{one['passed']:,}",
            how,
            one["date"],
        ]
        lines.append("| " + " | ".join(row) + " |")
    if not ordered:
        lines[-2:] = ["No result has been taken in yet."]
    return "\n".join([*lines, "", *data["end"], ""])


def without(result):
    """Say which packages did not exist for what was tested."""
    return f"without {', '.join(result['without'])}" if result["without"] else ""


def main():
    """Write, check, merge or record."""
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("what", nargs="*")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--platform")
    parser.add_argument("--how", default="")
    options = parser.parse_args()
    if options.what[:1] == ["record"]:
        name, runtime, version, passed, failed = options.what[1:]
        record(name, runtime, version, int(passed), int(failed), (), options.platform, options.how)
        return
    data = json.loads(DATA.read_text())
    if options.what == ["merge"]:
        merge(data)
    wrong = list(problems(data))
    if wrong:
        sys.exit("docs/platforms.json:\n" + "\n".join(wrong))
    if options.check:
        if PAGE.read_text() != page(data):
            sys.exit("docs/platforms.md is not what docs/platforms.json says; run make format")
    else:
        PAGE.write_text(page(data))


if __name__ == "__main__":
    main()
