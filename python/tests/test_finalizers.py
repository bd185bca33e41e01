"""Objects that go when the interpreter shuts down, and the globals of their modules have gone."""

from __future__ import annotations

import builtins
import dis
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pytest
import support

import hermes


def classes() -> Iterator[type]:
    """Yield the classes of the package."""
    for found in pkgutil.walk_packages(hermes.__path__, "hermes."):
        if found.name == "hermes.__main__":
            continue
        module = importlib.import_module(found.name)
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == found.name:
                yield kind


def reached(kind: Any, name: str, seen: set[Any]) -> Iterator[FunctionType]:
    """Yield a method, and those that it calls on the object and its bases."""
    for base in kind.__mro__:
        method = vars(base).get(name)
        if isinstance(method, FunctionType) and method not in seen:
            seen.add(method)
            yield method
            for used in method.__code__.co_names:
                yield from reached(kind, used, seen)


WITH_DEL = sorted({kind for kind in classes() if hasattr(kind, "__del__")}, key=repr)


def test_there_are_finalizers() -> None:
    assert {"PublisherCore", "ReceiverCore", "Watch"} <= {kind.__name__ for kind in WITH_DEL}


@pytest.mark.parametrize("kind", WITH_DEL)
def test_a_finalizer_uses_no_globals(kind: type) -> None:
    used = {
        instruction.argval
        for method in reached(kind, "__del__", set())
        for instruction in dis.get_instructions(method)
        if instruction.opname == "LOAD_GLOBAL"
    }
    assert used - set(vars(builtins)) == set()


def test_running_objects_that_last_until_the_end_say_nothing() -> None:
    program = """
import asyncio, sys
import hermes
office = hermes.PostOffice("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")
office.daemon = True  # no thread keeps the process alive
office.start()
receiver = hermes.Receiver(office.endpoints["out"], "r")
receiver.daemon = True
receiver.start()
publisher = hermes.Publisher(office.endpoints["in"], "p")
publisher.daemon = True
publisher.start()
loop = asyncio.new_event_loop()
async def wait():
    asyncio.ensure_future(receiver.arecv())
    await asyncio.sleep(0.05)
loop.run_until_complete(wait())
sys.modules["kept"] = [office, receiver, publisher, loop]
"""
    done = support.run(program)
    said = [line for line in done.stderr.splitlines() if "pending" not in line]
    assert [line for line in said if "Exception" in line or "Error" in line] == []
