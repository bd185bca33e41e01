"""What the tests of the examples share: a place for sockets, and programs that are running."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

# A shell that starts us in the background lets us, and all that we start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds until what hangs is called broken


class Cluster:
    """Two addresses, and programs that are ended with the test."""

    def __init__(self, folder):
        """Put the sockets into the folder."""
        self.to_office = f"ipc://{folder}/in"
        self.from_office = f"ipc://{folder}/out"
        self.programs = []

    def start(self, *command, **more):
        """Run a program beside the test, its output readable."""
        more = {"stdout": subprocess.PIPE, "text": True, **more}
        self.programs.append(subprocess.Popen([str(word) for word in command], **more))
        return self.programs[-1]

    def end(self):
        """End the programs that still run."""
        for program in self.programs:
            program.kill()
            program.communicate()


@pytest.fixture
def cluster(tmp_path_factory):
    """Return a Cluster whose programs do not outlive the test."""
    cluster = Cluster(tmp_path_factory.mktemp("s"))  # short: a socket's path has a limit
    yield cluster
    cluster.end()


@pytest.fixture
def office(cluster):
    """Run the example of a post office."""
    script = ROOT / "examples/python/postoffice.py"
    office = cluster.start(sys.executable, script, cluster.to_office, cluster.from_office)
    assert office.stdout.readline().startswith("relaying")
    return office


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """Return the command of each publisher and subscriber, by language; compiled ones built."""
    binaries = tmp_path_factory.mktemp("bin")
    names = ["publisher", "subscriber"]
    subprocess.run(
        ["make", "-s", *(f"build/examples/c/{name}" for name in names)], cwd=ROOT, check=True
    )
    for name in names:
        subprocess.run(
            ["go", "build", "-o", binaries / name, f"./examples/go/{name}"], cwd=ROOT, check=True
        )
    python = ROOT / "examples/python"
    return {
        ("c", "publisher"): [ROOT / "build/examples/c/publisher"],
        ("c", "subscriber"): [ROOT / "build/examples/c/subscriber"],
        ("go", "publisher"): [binaries / "publisher"],
        ("go", "subscriber"): [binaries / "subscriber"],
        ("python", "publisher"): [sys.executable, python / "publisher.py"],
        ("python", "subscriber"): [sys.executable, python / "receiver.py"],
    }


def wait_for(happened, what):
    """Wait until something has happened."""
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, f"timed out waiting for {what}"
        time.sleep(0.05)


@pytest.fixture(autouse=True)
def _no_colour(monkeypatch):
    """Keep the environment of the caller out of the tests."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.fspath(ROOT / "python"))
