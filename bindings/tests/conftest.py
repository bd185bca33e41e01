"""What the tests of a binding with others share: a post office, and programs that are running.

They run for one binding: pytest bindings/tests --binding cpp. Its programs `echo` and `peaks`
are in build/bindings/cpp.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE = 120  # seconds until what hangs is called broken


def pytest_addoption(parser):
    """Add the option that names the binding."""
    parser.addoption("--binding", required=True, help="such as cpp")


@pytest.fixture
def programs(request):
    """Return the folder of the binding's programs."""
    return ROOT / "build/bindings" / request.config.getoption("--binding")


class Cluster:
    """A post office, and programs that are ended with the test."""

    def __init__(self, folder):
        """Start the post office of the demo, its sockets in the folder."""
        self.to_office = f"ipc://{folder}/in"
        self.from_office = f"ipc://{folder}/out"
        self.programs = []
        office = self.demo("postoffice.py", self.to_office, self.from_office)
        assert office.stdout.readline() == "ready\n"

    def start(self, *command):
        """Run a program beside the test, its output readable."""
        words = [str(word) for word in command]
        self.programs.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        return self.programs[-1]

    def demo(self, script, *arguments):
        """Run a program of the demo."""
        return self.start(sys.executable, ROOT / "examples/demo" / script, *arguments)

    def end(self):
        """End the programs that still run."""
        for program in self.programs:
            program.kill()
            program.communicate()


@pytest.fixture
def cluster(tmp_path_factory, monkeypatch):
    """Return a Cluster whose programs do not outlive the test."""
    monkeypatch.setenv("PYTHONPATH", os.fspath(ROOT / "python"))
    cluster = Cluster(tmp_path_factory.mktemp("s"))  # short: a socket's path has a limit
    yield cluster
    cluster.end()
