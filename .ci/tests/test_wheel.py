"""The wheel works by itself: in an empty environment, away from the checkout."""

import pathlib
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

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
"""


@pytest.fixture(scope="module")
def wheel():
    """Build the wheel."""
    done = subprocess.run(["make", "wheel"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (ROOT / "dist").glob("hermes_zmq-*.whl")
    return wheel


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """Return the Python of an environment with nothing but the wheel."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [folder / "bin/python", "-m", "pip", "install", "-q", "--no-index", wheel]
    subprocess.run(pip, check=True)
    return folder / "bin/python"


def test_one_wheel_serves_every_python(wheel):
    assert "-py3-none-manylinux" in wheel.name


def test_the_library_and_what_it_needs_are_inside(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "hermes/_lib/libhermes.so.2" in names
    assert "hermes/py.typed" in names
    assert any("/libzmq-" in name for name in names)


def test_everybodys_licence_is_inside(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    (ours,) = (name for name in names if name.endswith(".dist-info/licenses/LICENSE"))
    folder = ours.rpartition("/")[0] + "/licences/"
    licences = {name[len(folder) :] for name in names if name.startswith(folder)}
    assert {"go", "github.com_pebbe_zmq4", "libzmq5"} <= licences
    # Every library that travels along; its licence bears the name of its Debian package.
    for name in names:
        if name.startswith("hermes_zmq.libs/") and not name.endswith("/"):
            library = name.split("/")[1].split("-")[0].split(".")[0].replace("_", "-")
            assert any(licence.startswith(library) for licence in licences), library


def test_it_works_away_from_the_checkout(python, tmp_path):
    addresses = [f"ipc://{tmp_path}/in", f"ipc://{tmp_path}/out"]
    command = [python, "-I", "-c", ROUND_TRIP, *addresses]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a/b publisher {'n': [1, None, '€']}\n"
