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
import time
from contextlib import ExitStack
from typing import Any

import pytest
import support
from support import HERE, PATIENCE

import hermes

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


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

# Topics, origins and times that are JSON, and no strings or no numbers.
ODD: list[list[Any]] = [
    [None, 5],
    [5, None],
    [["a", 1], {"k": [True]}],
    ["t", "o"],
    [{"x": None}, -1.5],
]

OLD_RECEIVER = """
import json, sys, time
from hermes import Receiver
receiver = Receiver(sys.argv[1], "old")
receiver.timeout = 600
receiver.start()
got = []
print("ready", flush=True)
while not got or got[-1][2] != "end":
    envelope = receiver.recv()
    if envelope is None:
        time.sleep(0.001)
    elif not got or envelope.data != got[-1][2]:
        got.append([envelope.topic, envelope.origin, envelope.data, envelope.ts])
print(json.dumps(got), flush=True)
receiver.stop()
"""

OLD_PUBLISHER = """
import json, sys, time
from hermes import Envelope, Publisher

class Text(Envelope):
    def update_ts(self):
        self.ts = str(time.time())

publisher = Publisher(sys.argv[1], "old")
publisher.start()
while True:  # until it is killed: what has no subscriber yet is lost
    for number, (topic, origin) in enumerate(json.loads(sys.argv[2])):
        publisher.publish(Text(topic, origin, [number]))
    time.sleep(0.02)
"""


@pytest.fixture
def old_program() -> Any:
    """Starts programs under the old package, and ends them."""
    processes = []
    environment = support.environment()
    del environment["PYTHONPATH"]

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        command = [old_python(), "-c", code, *arguments]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.item("wire-old-and-new")
@pytest.mark.parametrize("traceparent", [None, TRACE])
def test_odd_topics_origins_and_times_reach_an_old_receiver(
    office: hermes.PostOffice, life: ExitStack, old_program: Any, traceparent: str | None
) -> None:
    class Text(hermes.Envelope):
        def update_ts(self) -> None:
            self.ts = str(time.time())  # type: ignore[assignment]

    program = old_program(OLD_RECEIVER, office.xpub_url)
    assert program.stdout.readline() == "ready\n"
    publisher = life.enter_context(hermes.Publisher(office.xsub_url, "p"))
    assert publisher.wait_ready(PATIENCE)
    for number, (topic, origin) in enumerate(ODD):
        kind = Text if number % 2 else hermes.Envelope
        assert publisher.publish(kind(topic, origin, [number]), traceparent=traceparent)
    publisher.publish(hermes.Envelope("t", "o", "end"), traceparent=traceparent)
    got = json.loads(program.stdout.readline())
    assert [row[:3] for row in got] == [
        *([topic, origin, [number]] for number, (topic, origin) in enumerate(ODD)),
        ["t", "o", "end"],
    ]
    assert [type(row[3]) for row in got] == [float, str, float, str, float, float]


@pytest.mark.item("wire-old-and-new")
def test_odd_topics_origins_and_times_come_from_an_old_publisher(
    office: hermes.PostOffice, life: ExitStack, old_program: Any
) -> None:
    receiver = life.enter_context(hermes.Receiver(office.xpub_url, "r"))
    receiver.timeout = 600
    old_program(OLD_PUBLISHER, office.xsub_url, json.dumps(ODD))
    got: dict[int, Any] = {}
    end = time.monotonic() + PATIENCE
    while len(got) < len(ODD) and time.monotonic() < end:
        envelope = receiver.recv(block=True, timeout=1.0)
        if envelope is not None:
            assert isinstance(envelope.ts, str)
            got[envelope.data[0]] = [envelope.topic, envelope.origin]
    assert [got[number] for number in range(len(ODD))] == ODD
    assert receiver.stats()["dropped_malformed"] == 0


@pytest.mark.item("wire-old-and-new")
@pytest.mark.parametrize("engine", ["zmtp", "libzmq"])
def test_an_old_subscriber_to_everything_sees_no_reports(
    life: ExitStack, old_program: Any, engine: str
) -> None:
    options = {"stats.interval": "20ms", "engine": engine}
    addresses = [support.free_address() for _ in range(2)]
    office = life.enter_context(hermes.PostOffice(*addresses, options=options))
    program = old_program(OLD_RECEIVER, office.xpub_url)
    assert program.stdout.readline() == "ready\n"
    publisher = life.enter_context(hermes.Publisher(office.xsub_url, "p"))
    assert publisher.wait_ready(PATIENCE)  # the subscription of the old one has come
    if engine == "zmtp":  # a subscriber to reports gets them meanwhile; on libzmq there are none
        asking = life.enter_context(hermes.Receiver(office.xpub_url, "r", "$hermes/"))
        for _ in range(3):
            envelope = asking.recv(block=True, timeout=PATIENCE)
            assert envelope is not None
            assert envelope.topic.startswith("$hermes/postoffice/")
    publisher.publish(hermes.Envelope("$hermes/ping/1", "o", 1))
    publisher.publish(hermes.Envelope("t", "o", "end"))
    assert [row[:3] for row in json.loads(program.stdout.readline())] == [["t", "o", "end"]]
