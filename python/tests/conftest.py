"""Fixtures: a post office on free ports, and peers that are closed when a test ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import support
from hypothesis import HealthCheck, settings

import hermes

# A shell that starts us in the background lets us, and all that we start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A slow machine is no reason to fail.
settings.register_profile(
    "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("patient")


def named(item: pytest.Item) -> str:
    """Return the name of a test with those of its fixtures."""
    return " ".join([item.nodeid, *getattr(item, "fixturenames", ())])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs something that is not here: a test or a fixture names it."""
    missing = [name for name in support.WITHOUT if name != "libzmq"]
    other_build = "no_libzmq" if missing == support.WITHOUT else "libzmq"
    left_out = [
        item
        for item in items
        if any(name in named(item) for name in missing)
        or ("orjson" in missing and "quick" in getattr(item, "fixturenames", ()))
        or item.get_closest_marker(other_build)
    ]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture
def life() -> Iterator[ExitStack]:
    """Whatever enters it is stopped at the end of the test, last in, first out."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def office(life: ExitStack) -> hermes.PostOffice:
    """A running post office; ``xsub_url`` and ``xpub_url`` are where it is really bound."""
    return support.start_office(life)


@pytest.fixture
def sockets() -> Iterator[support.Sockets]:
    """Makes pyzmq sockets, and closes them."""
    with support.Sockets() as made:
        yield made


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Every test ends the threads of hermes that it began."""
    before = set(threading.enumerate())
    yield

    def left() -> bool:
        kinds = (hermes.Publisher, hermes.Receiver, hermes.PostOffice)
        threads = set(threading.enumerate()) - before
        return any(isinstance(thread, kinds) for thread in threads)

    support.eventually(lambda: not left(), "a thread of hermes is left")
