"""Runs the tests of the Python package under each interpreter, and prints a table.

Usage: pythons.py [--get] [--quick] [--ends] [--only NAMES] [--require NAMES] [PYTEST_FLAGS...]
       pythons.py --glibc VERSION=PATH [--quick] [PYTEST_FLAGS...]

An interpreter is named by its implementation and version: 3.9, 3.13t (free-threaded), pypy3.9.
Those on the PATH, of pyenv and in build/pythons are found; --get makes those that the system
lacks first, by .ci/python-debian. --only and --require take names separated by commas: only these
are run, and these must be there; the default requires all that Python supports today.
--ends runs the oldest and the newest CPython of those that are here. Where there is one only, it
gets another one where that takes no compiler, or says that it runs that one alone. --quick runs
the files in QUICK alone. --glibc runs one interpreter alone, which has a glibc of its own.

Each interpreter gets an environment in build/pythons/env, with the wheel in dist/ and the
packages of requirements-test.txt that exist for it ready to use, and one in build/pythons/old with
hermes-zmq 1.x. What does not exist is told to
the tests (HERMES_TEST_WITHOUT) and stands in the table: the tests that need it do not run. They run
in a folder away from the checkout, and fail if hermes is not that of the wheel.
A record of the results is written to build/platforms.
"""

import argparse
import glob
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

import platforms

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build/pythons"
PYTHON_OF_TESTS = ROOT / "build/venv/bin/python"
PYTHON_OF_OLD = ROOT / "build/venv-old/bin/python"
REQUIREMENTS = ROOT / "python/requirements-test.txt"
OF_OLD = ROOT / "python/requirements-old.txt"

# What can be had by .ci/python-debian, and what is to be there when all are run.
TO_GET = ["3.13t", "3.14", "pypy3.11"]
REQUIRED = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.13t", "3.14", "pypy3.11"]
# The files that see most of what differs between interpreters.
QUICK = ["native", "system", "structs", "codec", "marshal", "names"]
# The last versions that exist for 3.13t and PyPy, where the pinned ones do not.
OLDER = {"pyzmq": "27.1.0"}
# What the tests do without where it does not exist; all else must be there.
OPTIONAL = {"eventlet", "gevent", "mcap", "orjson", "trustme", "uvloop"}
OF_PIP = ["install", "--quiet", "--no-input", "--no-compile", "--only-binary", ":all:"]

ASK = """
import json, platform, sys, sysconfig
import ctypes, venv
name = "%d.%d" % sys.version_info[:2]
version = platform.python_version()
if sys.implementation.name != "cpython":
    name = sys.implementation.name + name
    version += ", " + platform.python_implementation()
free = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
print(json.dumps([name + "t" * free, version, sys.version_info[:2] >= (3, 9)]))
"""


def candidates():
    """Yield paths at which an interpreter may be, the best of a version first."""
    yield from glob.glob(str(FOLDER / "*/bin/python3*t"))
    yield from glob.glob(str(FOLDER / "*/usr/bin/python3.[0-9]*"))
    yield from glob.glob(str(FOLDER / "*/usr/bin/pypy3"))
    pyenv = os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv"
    yield from sorted(glob.glob(f"{pyenv}/versions/*/bin/python3"), reverse=True)
    for minor in range(9, 20):
        yield from filter(None, map(shutil.which, (f"python3.{minor}", f"python3.{minor}t")))
    yield from filter(None, map(shutil.which, ("pypy3", "python3")))
    yield "/usr/bin/python3"


def found():
    """Return the interpreters by name: path and version."""
    interpreters = {}
    for path in candidates():
        asked = subprocess.run([path, "-c", ASK], capture_output=True, text=True)
        if asked.returncode == 0:
            name, version, new_enough = json.loads(asked.stdout)
            if new_enough:
                interpreters.setdefault(name, (path, version))
    return dict(sorted(interpreters.items(), key=lambda item: order(item[0])))


def ends():
    """Return the names of the oldest and the newest CPython here, which may be one and the same."""
    names = cpythons()
    if len(names) == 1:
        # Programs of another release, which not every system can get.
        got = subprocess.run([ROOT / ".ci/python-debian", "3.14"], stdout=sys.stderr)
        names = cpythons()
        if got.returncode:
            print(f"pythons: ONE INTERPRETER ALONE IS TESTED, {names[0]}: no other can be had here")
    if not names:
        sys.exit("pythons: there is no CPython 3.9 or later")
    return list(dict.fromkeys([names[0], names[-1]]))


def cpythons():
    """Return the names of those with the lock, the oldest first."""
    return [name for name in found() if re.fullmatch(r"[\d.]+", name)]


def order(name):
    """Sort by implementation, version, and last the free-threaded one."""
    kind, minor, free = re.fullmatch(r"(\D*)\d+\.(\d+)(t?)", name).groups()
    return kind, int(minor), free


def environment(name, python):
    """Make an environment for an interpreter; return its Python and what does not exist for it."""
    own, lacking = equipped("env", name, python, requirements(REQUIREMENTS))
    put_in(own, wheel_of(platform.machine()))
    return own, lacking


def old_environment(name, python):
    """Make one with the package that is replaced, as messages of Python differ by its version."""
    pinned = requirements(OF_OLD)
    own, _ = equipped("old", name, python, [one for one in pinned if one.startswith("pyzmq")])
    (package,) = (one for one in pinned if one.startswith("hermes-zmq"))
    wheels = FOLDER / "old-wheel"
    if not list(wheels.glob("*.whl")):
        build = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", wheels]
        subprocess.run([PYTHON_OF_OLD, *build, package], check=True)
    put_in(own, *wheels.glob("*.whl"))
    return own


def equipped(kind, name, python, packages):
    """Make an environment with packages; return its Python and what does not exist for it."""
    folder = FOLDER / kind / name
    stamp = folder / ".made-from"
    wanted = "\n".join([str(python), *packages, ""])
    own = folder / "bin/python"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
        stamp.write_text(wanted)
    lacking = []
    if not install(own, *packages):  # all at once, or else one by one
        missing = {one.partition("==")[0] for one in packages if not install(own, one)}
        older = {one for one in missing & set(OLDER) if install(own, f"{one}=={OLDER[one]}")}
        lacking = sorted(missing - older)
    if not set(lacking) <= OPTIONAL:
        sys.exit(f"pythons: {', '.join(lacking)} cannot be had for {name}")
    return own, lacking


def put_in(own, wheel):
    """Install a wheel that is here."""
    if not install(own, str(wheel), "--no-index", "--no-deps", "--force-reinstall"):
        sys.exit(f"pythons: {wheel} cannot be installed for {own}")


def wheel_of(machine):
    """Return the wheel for a machine, of which there must be one."""
    wheels = list((ROOT / "dist").glob(f"hermes_zmq-*-manylinux*_{machine}.whl"))
    if len(wheels) != 1:
        sys.exit(f"pythons: dist/ has {len(wheels)} wheels for {machine}; make wheel makes one")
    return wheels[0]


def requirements(file):
    """Return the pinned packages of a file."""
    lines = file.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def install(python, *what):
    """Install with the pip of the tests; tell whether all of it exists for this interpreter."""
    done = pip("--python", python, *OF_PIP, *what)
    if done.returncode and not does_not_exist(done.stderr, what):
        sys.exit(f"pythons: pip could not install {' '.join(what)}:\n{done.stderr}")
    return done.returncode == 0


def pip(*words):
    """Run pip, as not every interpreter has one."""
    command = [PYTHON_OF_TESTS, "-m", "pip", "--disable-pip-version-check"]
    return subprocess.run([*command, *words], capture_output=True, text=True)


def does_not_exist(said, what):
    """Tell whether pip failed as there is no build for an interpreter, and for no other reason."""
    if "No matching distribution found for" not in said:
        return False
    # A registry that does not answer lets pip say the same. It has all for the tests' own Python.
    asked = pip("--python", PYTHON_OF_TESTS, *OF_PIP, "--dry-run", "--ignore-installed", *what)
    return asked.returncode == 0


def away(folder):
    """Copy the tests to a folder outside of the checkout, as .ci/test-wheel does."""
    for name in ("include", "python/tests"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "python/pyproject.toml", folder / "python")
    (folder / "plugin").mkdir()
    shutil.copy(ROOT / ".ci/installed_only.py", folder / "plugin")
    return folder


def run(name, python, old, lacking, flags, quick):
    """Run the tests under one interpreter; return its exit code and counts."""
    tests = [f"tests/test_{one}.py" for one in QUICK] if quick else ["tests"]
    log = ROOT / f"build/log/python-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", "-p", "installed_only", "-q"]
    command += [*flags, *tests]
    print(f"{name}: {' '.join(map(str, command[1:]))}", flush=True)
    with tempfile.TemporaryDirectory() as temporary, open(log, "w") as output:
        folder = away(pathlib.Path(temporary))
        variables = {
            **os.environ,
            "HERMES_OLD_PYTHON": str(old),
            "HERMES_TEST_WITHOUT": ",".join(lacking),
            "PYTHONPATH": str(folder / "plugin"),
        }
        if name.endswith("t"):
            variables["PYTHON_GIL"] = "0"
        done = subprocess.run(
            command,
            cwd=folder / "python",
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    text = log.read_text()
    counts = {
        kind: int(number) for number, kind in re.findall(r"(\d+) (passed|failed|error)", text)
    }
    if done.returncode:
        print(text[-6000:])
    return done.returncode, counts


def main():
    """Find, run, tell."""
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("--get", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--ends", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--require", default=None)
    parser.add_argument("--glibc")
    options, flags = parser.parse_known_args()
    if options.glibc:
        results([with_glibc(*options.glibc.split("="))], options, flags)
        return
    only = ends() if options.ends else [name for name in options.only.split(",") if name]
    required = only or REQUIRED
    if options.require is not None:
        required = [name for name in options.require.split(",") if name]
    for name in TO_GET:
        if options.get and (not only or name in only):
            subprocess.run([ROOT / ".ci/python-debian", name], check=True, stdout=sys.stderr)
    interpreters = {name: one for name, one in found().items() if not only or name in only}
    missing = [name for name in required if name not in interpreters]
    if missing:
        sys.exit(f"pythons: not found: {', '.join(missing)} (found: {', '.join(interpreters)})")
    results([(name, *one) for name, one in interpreters.items()], options, flags)


def with_glibc(glibc, path):
    """Return an interpreter with a glibc of its own: name, path and version."""
    asked = subprocess.run([path, "-c", ASK], capture_output=True, text=True, check=True)
    name, version, _ = json.loads(asked.stdout)
    return f"{name}-glibc{glibc}", path, f"{version}, glibc {glibc}"


def results(interpreters, options, flags):
    """Run the tests under interpreters: name, path and version."""
    rows, failed = [], []
    for name, path, version in interpreters:
        python, lacking = environment(name, path)
        old = old_environment(name, path)
        code, counts = run(name, python, old, lacking, flags, options.quick)
        passed = counts.get("passed", 0)
        bad = counts.get("failed", 0) + counts.get("error", 0)
        if code or not passed:
            failed.append(name)
        rows.append((name, version, str(passed), str(bad), ", ".join(lacking)))
        if not flags:
            how = f"natively, the tests of {', '.join(QUICK)}" if options.quick else ""
            platforms.record(
                f"python-{name}",
                f"Python {name.partition('-')[0]}",
                version,
                passed,
                bad,
                lacking,
                how=how,
            )
    for row in [("python", "version", "passed", "failed", "without"), *rows]:
        print("{:13} {:26} {:>7} {:>7}  {}".format(*row))
    if failed:
        sys.exit(f"pythons: failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
