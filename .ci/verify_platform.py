"""Runs the suites on this machine, and writes a report for an issue: does hermes work here?

Usage: verify_platform.py [--only SUITES] [--packages GO_PACKAGES] [--tests PYTEST_PATHS]

For macOS, FreeBSD, Windows, and any Linux. SUITES are some of Go, C and Python, separated by
commas. Each runs to its end, even if another has failed or cannot run; the report says why. It
needs Go and Python 3.9 or later, on Linux also a C compiler and a POSIX shell; libzmq is used only
where it is. libhermes is compiled on Linux alone: on macOS and Windows Python takes the one that
lies in build/, and C does not run; on FreeBSD there are only the Go packages and the command. The
report, build/platform-report.md, has versions and results, and no names of folders or of this
machine.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import venv

import platforms

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "python"))
REPORT = ROOT / "build/platform-report.md"
LOGS = ROOT / "build/log"
TAIL = 60  # lines of the log of what has failed


LINUX = sys.platform.startswith("linux")


class CannotRunError(Exception):
    """A suite cannot run here; the text says why."""


def said(*command):
    """Return the first line that a command prints, or why there is none."""
    path = shutil.which(command[0])
    if path is None:
        return "not found"
    done = subprocess.run([path, *command[1:]], capture_output=True, text=True)
    return (done.stdout or done.stderr).strip().partition("\n")[0]


def compiler():
    """Return the name of the C compiler."""
    return os.environ.get("CC") or next(filter(shutil.which, ("gcc", "clang", "cc")), "cc")


def has_libzmq():
    """Tell whether the library can be built with libzmq."""
    return (
        LINUX  # for the others make dist builds it without
        and bool(shutil.which("pkg-config"))
        and not subprocess.run(["pkg-config", "--exists", "libzmq"], capture_output=True).returncode
    )


def tags():
    """Return the flags of Go for a build here."""
    return [] if has_libzmq() else ["-tags", "nolibzmq"]


def facts():
    """Return what this machine is, as pairs of a name and a text."""
    libc = " ".join(platform.libc_ver()).strip()
    yield "system", f"{platform.system()} {platform.release()} {libc}".strip()
    yield "machine", f"{platform.machine()}, {os.cpu_count()} processors"
    yield "hermes", said("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    yield "Go", said("go", "version")
    yield "C compiler", said(compiler(), "--version")
    yield "Python", f"{platform.python_implementation()} {platform.python_version()}"
    yield "libzmq", said("pkg-config", "--modversion", "libzmq") if has_libzmq() else "without"


def run(name, command, **variables):
    """Run a command, with what it prints in a log; return its exit code and the text."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"verify-{name}.log"
    print(f"{name}: {' '.join(map(str, command))}", flush=True)
    with open(log, "w") as output:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "GOFLAGS": "-buildvcs=false", **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return done.returncode, log.read_text(errors="replace")


# ---- The suites: each returns passed, failed, and the text of what failed -----------------


def go(options):
    """Run the tests in Go."""
    if not shutil.which("go"):
        raise CannotRunError("Go is not installed")
    packages = options.packages.split()
    code, text = run("go", ["go", "test", "-json", *tags(), "-timeout", "30m", *packages])
    results, outputs, rest = {}, {}, []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            rest.append(line)
            continue
        key = event.get("Package") or event.get("ImportPath"), event.get("Test")
        if event["Action"] in ("output", "build-output"):
            outputs.setdefault(key, []).append(event["Output"])
        elif event["Action"] in ("pass", "fail", "build-fail"):
            results[key] = event["Action"]
    failed = [key for key, action in results.items() if action.endswith("fail")]
    tests = sum(1 for key, action in results.items() if key[1] and action == "pass")
    texts = ["".join(outputs.get(key, [])) for key in failed]
    return tests, max(len(failed), int(bool(code))), "\n".join([*rest, *texts])


def c(options):
    """Run the tests in C."""
    if not LINUX:
        raise CannotRunError("the tests in C compile libhermes, which is possible on Linux alone")
    if not shutil.which(compiler()):
        raise CannotRunError("there is no C compiler")
    build_library()
    tests = [shutil.which("bash") or "sh", str(ROOT / "capi/tests/run.sh")]
    code, text = run("c", [*tests, *([] if has_libzmq() else ["--tags", "nolibzmq"])])
    passed = len(re.findall(r"(?m) ok$", text))
    return passed, code, text if code else ""


def python(options):
    """Run the tests in Python, in an environment of its own."""
    library = build_library()
    folder = ROOT / "build/venv-verify"
    venv.create(folder, with_pip=True)
    own = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    requirements = (ROOT / "python/requirements-test.txt").read_text().splitlines()
    names = [one for one in requirements if one and not one.startswith("#")]
    missing = [one.partition("==")[0] for one in names if not pip_install(own, one)]
    if not has_libzmq():
        missing.append("libzmq")
    old = old_python(own)
    deselected = [] if old else [f"--deselect=python/tests/{test}" for test in WITH_OLD]
    command = [own, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options.tests.split()]
    code, text = run(
        "python",
        [*command, "--ignore", "python/tests/differential", *deselected],
        PYTHONPATH=str(ROOT / "python"),
        HERMES_OLD_PYTHON=old,
        HERMES_LIBRARY=str(library),
        HERMES_TEST_WITHOUT=",".join(missing),
    )
    counts = {kind: int(n) for n, kind in re.findall(r"(\d+) (passed|failed|error)", text)}
    failed = counts.get("failed", 0) + counts.get("error", 0)
    left_out = "" if old else "Left out: the tests with hermes-zmq 1.3.0, which has no build here."
    return counts.get("passed", 0), max(failed, int(bool(code))), text if code else left_out


# The tests with hermes-zmq 1.3.0, which does not exist for every interpreter.
WITH_OLD = [
    "test_old_package.py",
    "test_cache.py::test_a_receiver_of_1x_is_served_where_the_operator_says_so",
]


def pip_install(python, *what, **variables):
    """Install packages; tell whether that was possible."""
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
    environment = {**os.environ, **variables}
    return not subprocess.run(pip, capture_output=True, env=environment).returncode


def old_python(python):
    """Return the Python of an environment with hermes-zmq 1.3.0, or "" and say so."""
    folder = ROOT / "build/venv-verify-old"
    own = folder / python.relative_to(ROOT / "build/venv-verify")
    venv.create(folder, with_pip=True)
    requirements = ROOT / "python/requirements-old.txt"
    # They also pin what builds a source package.
    pins = {"PIP_CONSTRAINT": str(requirements), "PIP_BUILD_CONSTRAINT": str(requirements)}
    if pip_install(own, "-r", str(requirements), **pins):
        return str(own)
    return ""


def build_library():
    """Build the library, and return its path; elsewhere than on Linux, find it."""
    from hermes import _system

    library = ROOT / "build" / _system.library_name()
    if not LINUX:
        if library.exists():
            return library
        raise CannotRunError(
            f"libhermes is compiled on Linux alone: put {library.name} for this system into "
            "build/, from an archive of make dist (there is none for FreeBSD)"
        )
    command = ["sh", "capi/build.sh", *(["--tags", "nolibzmq"] if not has_libzmq() else [])]
    code, text = run("library", [*command, "shared", str(library)])
    if code:
        raise CannotRunError("the library cannot be built: " + text[-2000:])
    return library


SUITES = {"Go": go, "C": c, "Python": python}


# ---- The report ---------------------------------------------------------------------------


def hide(text):
    """Leave out of a text what names folders and this machine."""
    for secret, name in (
        (str(ROOT), "."),
        (str(pathlib.Path.home()), "~"),
        (platform.node(), "HOST"),
    ):
        if len(secret) > 1:
            text = text.replace(secret, name)
    return text


def main():
    """Run, record, report."""
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("--only", default=",".join(SUITES))
    parser.add_argument("--packages", default="./internal/... ./core/... ./cmd/...")
    parser.add_argument("--tests", default="python/tests")
    options = parser.parse_args()
    known = dict(facts())
    lines = ["# hermes on this machine", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {text} |" for name, text in known.items()]
    lines += ["", "| suite | passed | failed |", "|---|---|---|"]
    details, bad = [], False
    for name in options.only.split(","):
        try:
            passed, failed, text = SUITES[name](options)
        except CannotRunError as error:
            passed, failed, text = 0, 1, str(error)
        platforms.record(f"verify-{name.lower()}", name, known["system"], passed, failed)
        lines.append(f"| {name} | {passed} | {failed} |")
        bad = bad or failed or not passed
        if text:
            tail = "\n".join(text.splitlines()[-TAIL:])
            details += ["", f"## {name}", "", "```text", tail, "```"]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(hide("\n".join([*lines, *details, ""])))
    print(REPORT.read_text())
    print(f"Please attach {REPORT.relative_to(ROOT)} to an issue: docs/platforms.md says how.")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
