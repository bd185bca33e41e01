"""The wheel works by itself, away from the checkout; the sources build one that does."""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = re.search(r'VERSION_STRING "(.*)"', (ROOT / "include/hermes.h").read_text()).group(1)

ROUND_TRIP = """
import sys
import hermes

assert hermes.__file__.startswith(sys.prefix), hermes.__file__
to_office, from_office = sys.argv[1:]
with hermes.PostOffice(to_office, from_office):
    with hermes.Receiver(from_office, "receiver") as receiver:
        with hermes.Publisher(to_office, "publisher") as publisher:
            publisher.publish(hermes.Envelope("a/b", "publisher", {"n": [1, None, "\\u20ac"]}))
            envelope = receiver.recv(block=True, timeout=30)
print(envelope.topic, envelope.origin, envelope.data)
for line in open("/proc/self/maps"):
    if "/libhermes" in line or "/libzmq" in line:
        print(line.split()[-1])
"""


def run(*command, **more):
    """Run a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def made(kind, pattern):
    """Return the file that make puts into dist/."""
    run("make", *kind.split(), cwd=ROOT)
    (file,) = (ROOT / "dist").glob(pattern)
    return file


@pytest.fixture(scope="module")
def wheel():
    """Build the wheel."""
    return made("wheel", f"hermes_zmq-*-manylinux*_{platform.machine()}.whl")


@pytest.fixture(scope="module")
def sdist():
    """Build the source distribution."""
    return made("sdist", "hermes_zmq-*.tar.gz")


def environment_with(wheel, folder):
    """Return the Python of a new environment with nothing but a wheel."""
    run(sys.executable, "-m", "venv", folder)
    run(folder / "bin/python", "-m", "pip", "install", "-q", "--no-index", wheel)
    return folder / "bin/python"


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Return the Python of an environment with our wheel."""
    return environment_with(wheel, tmp_path_factory.mktemp("environment") / "venv")


def round_trip(python, folder):
    """Let an installed package pass an envelope through a post office, without any PATH."""
    addresses = [f"ipc://{folder}/in", f"ipc://{folder}/out"]
    command = [python, "-I", "-c", ROUND_TRIP, *addresses]
    done = run(*command, cwd=folder, env={"PATH": str(folder)}, timeout=120)
    printed, _, maps = done.stdout.partition("\n")
    assert printed == "a/b publisher {'n': [1, None, '€']}"
    return maps.split()


def test_one_wheel_serves_every_python_and_old_systems(wheel):
    machine = platform.machine()
    tag = f"py3-none-manylinux2014_{machine}.manylinux_2_17_{machine}"
    assert wheel.name == f"hermes_zmq-{VERSION}-{tag}.whl"


def test_the_command_of_the_documents_takes_the_wheel_of_this_machine(wheel, tmp_path):
    (command,) = re.findall(r"(?m)^pip (install .*)$", (ROOT / "README.md").read_text())
    assert f"pip {command}\n" in (ROOT / "docs/install.md").read_text()
    (tmp_path / "dist").mkdir()
    shutil.copy(wheel, tmp_path / "dist")
    for tag in ("macosx_11_0_arm64", "macosx_11_0_x86_64", "win_amd64", "manylinux2014_ppc64"):
        (tmp_path / f"dist/hermes_zmq-{VERSION}-py3-none-{tag}.whl").touch()
    (tmp_path / f"dist/hermes_zmq-{VERSION}.tar.gz").touch()
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    run(tmp_path / "venv/bin/pip", "-q", *command.split(), cwd=tmp_path)
    run(tmp_path / "venv/bin/hermes", "version", env={"PATH": ""})


def test_the_library_and_the_command_are_inside(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {"hermes/_lib/libhermes.so.2", "hermes/_lib/hermes"} <= set(names)
    assert "hermes/py.typed" in names


#: What every glibc has of its own, in several files until 2.34.
LIBC = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libresolv.so.2"}


@pytest.mark.parametrize("name", ["libhermes.so.2", "hermes"])
def test_nothing_is_needed_but_an_old_libc(wheel, tmp_path, name):
    binary = zipfile.ZipFile(wheel).extract(f"hermes/_lib/{name}", tmp_path)
    dynamic = run("readelf", "-dW", binary).stdout
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic))
    assert "libc.so.6" in needed
    assert needed - LIBC <= {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
    versions = re.findall(r"GLIBC_([0-9.]+)", run("objdump", "-T", binary).stdout)
    assert versions
    newest = max(tuple(map(int, version.split("."))) for version in versions)
    assert newest <= (2, 17), newest


def test_all_licences_are_inside(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    (ours,) = (name for name in names if name.endswith(".dist-info/licenses/LICENSE"))
    folder = ours.rpartition("/")[0] + "/licences/"
    licences = {name[len(folder) :] for name in names if name.startswith(folder)}
    # What is linked into the library: Go's modules, and libzmq with what it is built of.
    assert {"go", "github.com_pebbe_zmq4", "libzmq", "libcxx", "libcxxabi", "libunwind"} <= licences
    text = zipfile.ZipFile(wheel).read(folder + "libzmq").decode()
    assert re.match(r"libzmq 4\.3\.\d+, unchanged; its source: https://", text)
    assert "Mozilla Public License Version 2.0" in text


def test_it_works_away_from_the_checkout_with_its_own_libzmq(python, tmp_path):
    home = str(python.parents[1])
    loaded = round_trip(python, tmp_path)
    assert [path for path in loaded if not path.startswith(home)] == []
    assert any(path.endswith("/hermes/_lib/libhermes.so.2") for path in loaded)
    assert not any("/libzmq" in path for path in loaded)


def test_what_takes_libzmq_works_with_that_of_the_wheel(python, tmp_path):
    program = "import hermes\n"
    program += "options = {'engine': 'libzmq'}\n"
    program += "with hermes.PostOffice('ipc://in', 'ws://127.0.0.1:*', options=options): pass\n"
    run(python, "-I", "-c", program, cwd=tmp_path, env={"PATH": ""}, timeout=120)


@pytest.mark.parametrize("transport", ["pgm", "norm"])
def test_what_that_libzmq_lacks_is_refused(python, tmp_path, transport):
    address = f"{transport}://127.0.0.1;239.1.1.1:5555"
    program = f"import hermes; hermes.Receiver('{address}', 'r').start()"
    done = subprocess.run(
        [python, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"this libzmq was built without {transport}" in done.stderr


def test_the_same_sources_make_the_same_bytes(sdist, tmp_path):
    # As old as the first one, which may have been made before the last commit.
    with tarfile.open(sdist) as archive:
        (epoch,) = {member.mtime for member in archive.getmembers()}
    run(ROOT / ".ci/sdist", tmp_path, env={**os.environ, "SOURCE_DATE_EPOCH": str(int(epoch))})
    (again,) = tmp_path.iterdir()
    assert again.name == sdist.name
    assert again.read_bytes() == sdist.read_bytes()


def test_it_brings_the_command_along(python, tmp_path):
    version = run(python, "-c", "import hermes; print(hermes.__version__)").stdout
    for command in ([python.parent / "hermes"], [python, "-m", "hermes"]):
        assert run(*command, "version", cwd=tmp_path, env={"PATH": ""}).stdout == version


def test_without_the_command_it_says_where_it_comes_from(tmp_path):
    without = shutil.ignore_patterns("_lib")
    shutil.copytree(ROOT / "python/hermes", tmp_path / "hermes", ignore=without)
    done = subprocess.run(
        [sys.executable, "-m", "hermes", "version"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert str(tmp_path / "hermes/_lib/hermes") in done.stderr
    assert "make build" in done.stderr


# ---- The source distribution -----------------------------------------------------


def build(sdist, folder, **environment):
    """Let pip build a wheel of the source distribution."""
    options = ["--no-index", "--no-deps", "--no-build-isolation", "-w", folder / "wheels"]
    return subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-v", *options, sdist],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_the_sources_build_a_wheel_that_works(sdist, tmp_path):
    done = build(sdist, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "wheels").iterdir()
    assert f"-py3-none-linux_{platform.machine()}" in wheel.name
    python = environment_with(wheel, tmp_path / "venv")
    run(python, "-m", "hermes", "version")
    loaded = round_trip(python, tmp_path)
    assert any(path.endswith("/hermes/_lib/libhermes.so.2") for path in loaded)
    assert any("/libzmq.so" in path for path in loaded)  # the system's


def test_the_sources_are_whole_and_nothing_else(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "native/LICENSE", "native/go.mod", "native/include/hermes.h"} <= names
    assert {"hermes/py.typed", "tests/conftest.py", "requirements-test.txt"} <= names
    assert [name for name in names if name.endswith((".so.2", ".pyc", "_test.go"))] == []


def test_without_go_the_build_says_what_is_missing(sdist, tmp_path):
    (tmp_path / "bin").mkdir()
    done = build(sdist, tmp_path, PATH=str(tmp_path / "bin"))
    assert done.returncode != 0
    assert "hermes-zmq cannot be built here: there is no go." in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("elsewhere", "reason"),
    [
        ("sys.maxsize = 2**31 - 1", "it needs a 64-bit interpreter"),
        ("sys.platform = 'darwin'", "libhermes is compiled on Linux alone"),
        ("sys.platform = 'freebsd14'", "libhermes is compiled on Linux alone"),
    ],
)
def test_where_it_cannot_be_built_the_build_says_why(elsewhere, reason, sdist, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path)
    (source,) = tmp_path.iterdir()
    program = f"import runpy, sys, setuptools, setuptools.command.build_py; {elsewhere}; "
    program += "sys.argv = ['setup.py', 'build_py']; "
    program += "runpy.run_path('setup.py', run_name='__main__')"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 1
    assert reason in done.stderr


def test_without_libzmq_the_build_says_so(sdist, tmp_path):
    nowhere = str(tmp_path)
    done = build(sdist, tmp_path, PKG_CONFIG_LIBDIR=nowhere, PKG_CONFIG_PATH=nowhere)
    assert done.returncode != 0
    assert "built here: pkg-config does not know libzmq." in done.stdout + done.stderr
