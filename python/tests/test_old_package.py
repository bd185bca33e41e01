"""hermes-zmq 1.3.0 itself and ours in one cluster: every mix of the three roles.

The same three programs, written to 1.x, run under either package: so they show both that
the wire is one and that a program need not change. The environment variable
HERMES_OLD_PYTHON names an interpreter that has 1.3.0 installed; ``make test`` sets it.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from typing import Any

import pytest
import support
from support import HERE, PATIENCE

COUNT = 300
MIXES = list(itertools.product(["old", "new"], repeat=3))


def old_python() -> str:
    path = os.environ.get("HERMES_OLD_PYTHON", "")
    assert path, "HERMES_OLD_PYTHON must name an interpreter with hermes-zmq 1.3.0"
    return path


def launch(version: str, program: str, *arguments: str) -> subprocess.Popen[str]:
    environment = support.environment()
    if version == "old":
        del environment["PYTHONPATH"]
    return subprocess.Popen(
        [
            old_python() if version == "old" else sys.executable,
            str(HERE / "peers" / f"{program}.py"),
            *arguments,
        ],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_old_is_old_and_new_is_new() -> None:
    asked = [
        subprocess.run(
            [python, "-c", "import hermes.structs; print(hermes.structs.__file__)"],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for python, environment in (
            (old_python(), {**os.environ, "PYTHONPATH": ""}),
            (sys.executable, support.environment()),
        )
    ]
    assert asked[0] != asked[1]
    assert str(support.PACKAGE) in asked[1]
    with open(asked[0].strip()) as source:
        assert "class_name.split" in source.read()  # the lookup that 2 has no more


@pytest.mark.item("wire-old-and-new")
@pytest.mark.parametrize(("publisher", "office", "receiver"), MIXES, ids="-".join)
def test_every_mix_is_exact_and_in_order(publisher: str, office: str, receiver: str) -> None:
    inside, outside, debug = (support.free_address() for _ in range(3))
    processes: list[Any] = []
    try:
        processes.append(launch(office, "postoffice", inside, outside, debug))
        processes.append(launch(receiver, "receiver", outside))
        processes.append(launch(publisher, "publisher", inside, str(COUNT)))
        reader, writer = processes[1], processes[2]
        assert reader.stdout.readline() == "ready\n"
        writer.stdin.write("go\n")
        writer.stdin.flush()
        got = json.loads(reader.stdout.readline())
        for process in reversed(processes):
            process.communicate(timeout=PATIENCE)
            assert process.returncode == 0
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    extra = {"é": [None, True, 1.5, "\U0001f680"]}
    assert got == [["mix/data", ["number", number, extra]] for number in range(COUNT)]
