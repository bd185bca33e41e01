"""What the tests share: free addresses, waiting, peers in pyzmq and in other processes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Callable

import pytest
import zmq

import hermes

#: How long anything may take that happens at once on a machine that is not busy.
PATIENCE = float(os.environ.get("HERMES_TEST_PATIENCE", "60"))

#: What is not here: packages that do not exist for this interpreter (`make test-pythons`), and
#: "libzmq" where the library is built without it (`make test-nolibzmq`).
WITHOUT = [name for name in os.environ.get("HERMES_TEST_WITHOUT", "").split(",") if name]

#: The engines; tests of libzmq bear its mark.
ENGINES = ["zmtp", pytest.param("libzmq", marks=pytest.mark.libzmq)]

HERE = Path(__file__).parent
PACKAGE = Path(hermes.__file__).parent.parent
HEADER = HERE.parent.parent / "include" / "hermes.h"
ANYWHERE = "tcp://127.0.0.1:*"


def eventually(
    true: Callable[[], Any], complaint: str = "did not happen", patience: float = PATIENCE
) -> Any:
    """Wait until something holds, and return it."""
    end = time.monotonic() + patience
    while True:
        value = true()
        if value:
            return value
        assert time.monotonic() < end, complaint
        time.sleep(0.005)


def own_host() -> str:
    """Return a loopback address that no other process uses.

    A port there stays free once it was: the system gives those of 127.0.0.1 to any program.
    """
    pid = os.getpid()
    return f"127.{1 + (pid >> 16)}.{pid >> 8 & 255}.{pid & 255}"


_given: set[str] = set()


def free_address() -> str:
    """Return an address that no socket is bound to, and that is not returned again."""
    while True:
        with socket.socket() as probe:
            probe.bind((own_host(), 0))
            address = "tcp://{}:{}".format(*probe.getsockname())
        if address not in _given:
            _given.add(address)
            return address


def start_office(life: ExitStack, debug: bool = False) -> hermes.PostOffice:
    """A post office on ports that the system chose; its attributes tell which."""
    office = hermes.PostOffice(ANYWHERE, ANYWHERE, ANYWHERE if debug else None)
    life.enter_context(office)
    office.xsub_url, office.xpub_url = office.endpoints["in"], office.endpoints["out"]
    if debug:
        office._debug_addr = office.endpoints["debug"]
    return office


def pair(
    life: ExitStack, office: hermes.PostOffice, name: str = "node", **of_receiver: Any
) -> tuple[hermes.Publisher, hermes.Receiver]:
    """A publisher and a receiver at an office, each sure to reach the other.

    What made sure of it has been taken out of the receiver.
    """
    of_receiver.setdefault("options", {})
    receiver = hermes.Receiver(office.xpub_url, name, **of_receiver)
    receiver.timeout = 600
    life.enter_context(receiver)
    assert receiver.wait_ready(PATIENCE)
    publisher = life.enter_context(hermes.Publisher(office.xsub_url, name))
    assert publisher.wait_ready(PATIENCE)
    return publisher, receiver


def take(receiver: Any, count: int) -> list[hermes.Envelope]:
    """Exactly so many envelopes, as fast as they come."""
    taken: list[hermes.Envelope] = []
    end = time.monotonic() + PATIENCE
    while len(taken) < count and time.monotonic() < end:
        envelope = receiver.recv(block=True, timeout=1.0)
        if envelope is not None:
            taken.append(envelope)
    assert len(taken) == count, f"{len(taken)} of {count} arrived"
    return taken


def take_data(receiver: Any, topic: str, count: int) -> list[Any]:
    """The data of the next so many envelopes of a topic; others are passed over."""
    data: list[Any] = []
    while len(data) < count:
        data += [envelope.data for envelope in take(receiver, 1) if envelope.topic == topic]
    return data


class Sockets:
    """Makes pyzmq sockets that do not linger, and closes them."""

    def __init__(self) -> None:
        self.context = zmq.Context()
        self._made: list[zmq.Socket[bytes]] = []

    def __enter__(self) -> Sockets:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for made in self._made:
            made.close(linger=0)
        self.context.term()

    def make(self, kind: int, bind: str | None = None, connect: str | None = None) -> Any:
        """A socket of a kind, bound or connected; ``LAST_ENDPOINT`` tells where."""
        made = self.context.socket(kind)
        made.linger = 0
        made.set_hwm(0)  # the peers of the tests lose nothing
        made.rcvtimeo = int(PATIENCE * 1000)
        made.sndtimeo = int(PATIENCE * 1000)
        self._made.append(made)
        if bind:
            made.bind(bind)
        if connect:
            made.connect(connect)
        return made


def endpoint(bound: Any) -> str:
    """Where a pyzmq socket is bound."""
    return bound.getsockopt(zmq.LAST_ENDPOINT).rstrip(b"\0").decode()


def frames(topic: str, origin: str, data: Any, ts: float | None = None) -> list[bytes]:
    """The four frames that 1.x would send."""
    return [json.dumps(value).encode() for value in (topic, origin, data, ts or time.time())]


def environment(**more: str) -> dict[str, str]:
    """The environment for a process that is to import this very package."""
    return {**os.environ, "PYTHONPATH": str(PACKAGE), **more}


def run(
    code: str, *arguments: str, check: bool = True, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter; one that hangs fails the test."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=env or environment(),
        cwd="/",  # so that nothing is imported from where the tests happen to run
        capture_output=True,
        text=True,
        timeout=60 + PATIENCE,
    )
    if check:
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def nested(depth: int) -> Any:
    """A list in a list, and so on, so many times."""
    data: Any = 1
    for _ in range(depth):
        data = [data]
    return data
